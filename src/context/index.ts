/** When work has to stop, why, and what goes with it. */
export { Canceled } from '../runtime/errors.js'
export { fromSignal } from './abort-signal.js'
export { afterFunc } from './after-func.js'
export { background, todo } from './background.js'
export { withCancel } from './cancel.js'
export { type CancelContext, type Context, type ContextKey, contextKey, type Notifier } from './context.js'
export { DeadlineExceeded, withDeadline, withTimeout } from './deadline.js'
export { withoutCancel, withValue } from './value.js'
