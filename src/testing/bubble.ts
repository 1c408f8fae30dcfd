import { VirtualClock } from '../runtime/clock.js'
import { crashUnjoined } from '../runtime/crash.js'
import { deadlockDetails } from '../runtime/deadlock.js'
import { MisuseError, SluiceError } from '../runtime/errors.js'
import { type GoTarget, spawn } from '../runtime/go.js'
import type { Outcome } from '../runtime/goroutine.js'
import { Operation } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { hostRandom, SeededRandom } from '../runtime/random.js'
import { Scheduler, scheduler } from '../runtime/scheduler.js'
import { WaitList } from '../runtime/wait-list.js'

/** The goroutines of a bubble wait for one another, or are left over. The message has every stack. */
export class DeadlockError extends SluiceError {
  readonly code = 'ERR_SLUICE_DEADLOCK'
}

export interface BubbleOptions {
  /** Runs goroutines, and timers of one moment, in an order drawn from this seed. In order of arrival by default. */
  seed?: number
}

/**
 * Runs `fn` and all goroutines it starts in virtual time: the clock stands still while any of them can run, and jumps
 * to the next timer when all of them wait. So `sleep(3_600_000)` takes no time, and exactly an hour.
 *
 * It ends when all its goroutines have ended. It fails if they wait for one another (`DeadlockError`), or if some are
 * left when `fn` has ended. While one waits for a promise or another thing of the host, the clock stands still. Async
 * functions see virtual time only through operations that were made in a goroutine.
 *
 * Source: Go's testing/synctest.
 */
export function bubble<T>(fn: GoTarget<[], T>, { seed }: BubbleOptions = {}): Promise<T> {
  return new Promise((resolve, reject) => new Bubble<T>(seed, resolve, reject).start(fn))
}

/** Waits until every other goroutine of the bubble waits for something only another goroutine or a timer can do. */
export function waitIdle(): Operation<void> {
  return new WaitIdle()
}

const bubbles = new WeakMap<Scheduler, { readonly idle: WaitList<WaitIdle> }>()

class Bubble<T> {
  readonly idle = new WaitList<WaitIdle>()
  private readonly clock = new VirtualClock()
  private readonly scheduler: Scheduler
  private outcome: Outcome<T> | undefined = undefined

  constructor(
    seed: number | undefined,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.scheduler = new Scheduler({
      clock: this.clock,
      random: seed === undefined ? hostRandom() : new SeededRandom(seed),
      shuffle: seed !== undefined,
      onCrash: reject,
      onIdle: () => this.onIdle(),
    })
    bubbles.set(this.scheduler, this)
  }

  start(fn: GoTarget<[], T>): void {
    const root = spawn(this.scheduler, bubble as GoFunction, fn, [])
    const outcome = root.outcome().claim()
    outcome.attempt()
    outcome.parkFor({ wake: () => this.rootEnded(outcome.value as Outcome<T>) })
  }

  private rootEnded(outcome: Outcome<T>): void {
    this.outcome = outcome
    if ('error' in outcome) this.reject(outcome.error)
  }

  /** Nothing can run; true if something can now. */
  private onIdle(): boolean {
    const { scheduler, outcome } = this
    crashUnjoined() // the clock must not pass by a failure that nobody has joined
    if (scheduler.externals > 0) return false
    const waiter = this.idle.shift()
    if (waiter !== undefined) return waiter.complete()
    if (outcome === undefined)
      return this.clock.advance() || this.fail('deadlock: all goroutines in bubble are blocked')
    if (scheduler.live > 0)
      return this.fail('deadlock: main bubble goroutine has exited but blocked goroutines remain')
    if (!('error' in outcome)) this.resolve(outcome.value)
    return false
  }

  private fail(headline: string): false {
    this.reject(new DeadlockError(`${headline}\n\n${deadlockDetails(this.scheduler)}`))
    return false
  }
}

class WaitIdle extends Operation<void> {
  private readonly bubble = bubbles.get(scheduler())

  override get waitReason(): string {
    return 'synctest.Wait'
  }

  override attempt(): boolean {
    if (this.bubble === undefined) throw new MisuseError('waitIdle() works in a goroutine of a bubble() only')
    return false
  }

  override park(): void {
    this.bubble?.idle.push(this)
  }

  override unpark(): void {
    this.bubble?.idle.remove(this)
  }
}
