import { FatalError, SluiceError } from './errors.js'
import type { Goroutine } from './goroutine.js'
import { complain, hostProcess, later } from './host.js'
import { HANDLED, type Scheduler, thread } from './scheduler.js'
import { createdBy, describe, stackLines, stackTextOf } from './traceback.js'

/** What a host with its own handler of uncaught errors gets to see of a crash; `cause` is the error itself. */
export class CrashError extends SluiceError {
  readonly code = 'ERR_SLUICE_CRASH'
}

let unjoined: Goroutine<unknown>[] = []

/** A goroutine failed while nobody waited for it: unless somebody joins it within this turn, that ends the process. */
export function reportUnjoined(g: Goroutine<unknown>): void {
  if (unjoined.push(g) === 1) later(crashUnjoined)
}

/** Ends the process if a goroutine has failed that nobody joined. */
export function crashUnjoined(): void {
  const failed = unjoined
  unjoined = []
  for (const g of failed) if ((g.flags & HANDLED) === 0) crash(g.scheduler, g.slot, g)
}

/**
 * Makes `error` fatal: inside a goroutine the process ends here and now, whatever user code catches. Outside there is
 * no goroutine to blame, and the error is an ordinary one: `throw fatal(new FatalError(...))`.
 * Source: Go's `fatal` in runtime/panic.go.
 */
export function fatal<E extends Error>(error: E): E {
  const g = thread.current
  if (g !== undefined) {
    g.flags |= HANDLED
    crash(g.scheduler, error, g)
  }
  return error
}

/** Fatal errors that were reported already: one may pass through several hands. */
const reported = new WeakSet<FatalError>()

/** Ends the process with a report and exit code 2, or tells whoever asked to be told instead. */
export function crash(on: Scheduler, error: unknown, g: Goroutine<unknown> | undefined): void {
  if (error instanceof FatalError) {
    if (reported.has(error)) return
    reported.add(error)
  }
  if (on.onCrash !== undefined) on.onCrash(error, g)
  else endProcess(crashReport(error, g), error)
}

/** Ends the process with exit code 2; a host that handles uncaught errors itself gets one instead. */
export function endProcess(report: string, cause?: unknown): void {
  if (hostProcess === undefined || hostProcess.listenerCount('uncaughtException') > 0) {
    later(() => {
      throw new CrashError(report, { cause })
    })
    return
  }
  complain(report)
  hostProcess.exit(2)
}

function crashReport(error: unknown, g: Goroutine<unknown> | undefined): string {
  const lines = [describe(error)]
  if (g !== undefined) lines.push('', `goroutine ${g.id} [running]:`)
  lines.push(...stackLines(stackTextOf(error)))
  if (g !== undefined) lines.push(...createdBy(g))
  return lines.join('\n')
}
