import { fromSignal } from './context/abort-signal.js'
import { background } from './context/background.js'
import { withCancel } from './context/cancel.js'
import type { CancelContext, Context } from './context/context.js'
import type { Clock } from './runtime/clock.js'
import { crash } from './runtime/crash.js'
import { dumpOnSigquit } from './runtime/dump.js'
import { Canceled, MisuseError } from './runtime/errors.js'
import type { GoTarget } from './runtime/go.js'
import type { Goroutine, Outcome } from './runtime/goroutine.js'
import { builtin, complain, hostProcess } from './runtime/host.js'
import type { GoFunction } from './runtime/origin.js'
import { type Random, SeededRandom } from './runtime/random.js'
import { startRoot } from './runtime/root.js'
import { Scheduler, threadScheduler } from './runtime/scheduler.js'

/** How a `run` differs from the thread's own way: mostly for tests. */
export interface RunOptions {
  /** Ends the context that the function gets. */
  signal?: AbortSignal
  /** Runs the goroutines in an order drawn from this seed: the same seed gives the same interleaving. */
  seed?: number
  /** The time they live in. */
  clock?: Clock
  /** Where select takes its choice from. */
  random?: Random
  /** Receives a failure that nobody joined, a fatal error or a deadlock, instead of the process ending. */
  onCrash?: (error: unknown) => void
}

/**
 * Runs `fn` as a root goroutine inside a program that is already async (a test, a route of a server) and gives its
 * outcome. What it leaves running goes on. With a seed, clock, random source or `onCrash` it has a scheduler of its own.
 */
export function run<T>(
  fn: (ctx: Context) => ReturnType<GoTarget<[], T>>,
  options: RunOptions = {},
): Promise<T> {
  const ctx = options.signal === undefined ? background() : fromSignal(options.signal)
  return new Promise((resolve, reject) => {
    startRoot(schedulerFor(options), run as GoFunction, fn as GoTarget<[Context], T>, [ctx], (outcome) => {
      if ('error' in outcome) reject(outcome.error)
      else resolve(outcome.value)
    })
  })
}

let mainStarted = false

/** What this asks of Node's worker threads. */
interface Threads {
  readonly isMainThread: boolean
  /** `sluice` is set in the processors' threads: see parallel/workers.ts. */
  readonly workerData?: { readonly sluice?: unknown } | null
}

/**
 * Runs `fn` as the root goroutine of the program, on the main thread, once. When it returns, the process ends with
 * code 0, whatever else runs; when it throws, with a report and code 2. Its context ends on SIGINT and SIGTERM; a
 * second signal ends the process at once. SIGQUIT (Ctrl-\) prints every goroutine's stack. In a worker thread of
 * sluice/parallel, which loads the module for its tasks, it does nothing. Source: Go's `main.main`.
 */
export function main(fn: (ctx: Context) => ReturnType<GoTarget<[], unknown>>): void {
  const threads = builtin<Threads>('node:worker_threads')
  if (threads?.workerData?.sluice !== undefined) return
  if (mainStarted)
    throw new MisuseError('main() was called twice: a program has one, use run() or go() inside it')
  if (threads?.isMainThread === false) {
    throw new MisuseError('main() belongs to the main thread: use run() in a worker thread')
  }
  mainStarted = true
  const ctx = withCancel(background())
  const signals = new Signals(ctx)
  const root = startRoot(
    threadScheduler(),
    main as GoFunction,
    fn as GoTarget<[Context], unknown>,
    [ctx],
    (outcome) => end(root, outcome, signals),
  )
}

function end(root: Goroutine<unknown>, outcome: Outcome<unknown>, signals: Signals): void {
  signals.leave()
  if (!('error' in outcome)) hostProcess?.exit(0)
  else if (outcome.error instanceof Canceled && signals.exitCode !== undefined)
    hostProcess?.exit(signals.exitCode)
  else crash(root.scheduler, outcome.error, root)
}

/** What `main` does on signals: the first SIGINT or SIGTERM ends the context, the second one the process. */
class Signals {
  /** What the shell expects of a process that a signal ended: 128 and its number. */
  exitCode: number | undefined = undefined
  private readonly stopDumps = dumpOnSigquit(complain)

  constructor(private readonly ctx: CancelContext) {
    hostProcess?.on('SIGINT', this.onInterrupt)
    hostProcess?.on('SIGTERM', this.onTerminate)
  }

  leave(): void {
    hostProcess?.off('SIGINT', this.onInterrupt)
    hostProcess?.off('SIGTERM', this.onTerminate)
    this.stopDumps()
  }

  private readonly onInterrupt = (): void => this.receive('SIGINT', 2)
  private readonly onTerminate = (): void => this.receive('SIGTERM', 15)

  private receive(name: string, number: number): void {
    const isFirst = this.exitCode === undefined
    this.exitCode = 128 + number
    if (isFirst) this.ctx.cancel(new Error(`received ${name}`))
    else hostProcess?.exit(this.exitCode)
  }
}

function schedulerFor({ seed, clock, random, onCrash }: RunOptions): Scheduler {
  if (seed === undefined && clock === undefined && random === undefined && onCrash === undefined)
    return threadScheduler()
  return new Scheduler({
    shuffle: seed !== undefined,
    ...(seed !== undefined && { random: new SeededRandom(seed) }),
    ...(random && { random }),
    ...(clock && { clock }),
    ...(onCrash && { onCrash: (error: unknown) => onCrash(error) }),
  })
}
