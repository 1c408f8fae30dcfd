/** Goroutines, channels, select and timers. */
export { type Chan, chan, nilChan, type RecvChan, type SendChan } from './runtime/chan.js'
export type { Clock } from './runtime/clock.js'
export { CrashError } from './runtime/crash.js'
export {
  dump,
  goroutines,
  numGoroutine,
  type ProcessorStats,
  type ProgramStats,
  schedStats,
} from './runtime/dump.js'
export {
  ArgumentError,
  Canceled,
  FatalError,
  MisuseError,
  RuntimeError,
  SluiceError,
} from './runtime/errors.js'
export { type GoTarget, go } from './runtime/go.js'
export { goexit } from './runtime/goexit.js'
export type { Goroutine, GoroutineState, Outcome } from './runtime/goroutine.js'
export { type Leak, onLeak } from './runtime/leaks.js'
export { type Bound, Operation, type Parked, type Routine, type Waiter } from './runtime/operation.js'
export { wait } from './runtime/promise.js'
export type { Random } from './runtime/random.js'
export type { SchedStats } from './runtime/scheduler.js'
export { Scope, scope } from './runtime/scope.js'
export { type Case, type Cases, type Selected, select, trySelect } from './runtime/select.js'
export { after, now, sleep, yieldNow } from './runtime/sleep.js'
export { afterFunc, type ChanTimer, type Ticker, type Timer, ticker, timer } from './runtime/timer.js'
export { main, type RunOptions, run } from './main.js'
