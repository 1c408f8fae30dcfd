/** The base of every error that Sluice throws: a class with a stable `code` and a message that says what to do. */
export abstract class SluiceError extends Error {
  abstract readonly code: string

  override get name(): string {
    return this.constructor.name
  }
}

/** A value that was passed in cannot be used. */
export class ArgumentError extends SluiceError {
  readonly code = 'ERR_SLUICE_ARGUMENT'
}

/** A use of the API that cannot work: a `yield` without its star, an operation used twice, a wait outside a goroutine. */
export class MisuseError extends SluiceError {
  readonly code = 'ERR_SLUICE_MISUSE'
}

/** What Go's runtime panics with: a send on a closed channel, a negative channel size. Source: Go's `runtime.Error`. */
export class RuntimeError extends SluiceError {
  readonly code = 'ERR_SLUICE_RUNTIME'
}

/**
 * A broken program: an unlock of an unlocked mutex, a deadlock. Made by `fatal()`, it ends the process even where
 * user code catches everything. Source: Go's `throw` and `fatal` in runtime/panic.go.
 */
export class FatalError extends SluiceError {
  readonly code = 'ERR_SLUICE_FATAL'
}

/** A wait was given up because its goroutine or its context was canceled; `cause` says why. Source: Go's `context.Canceled`. */
export class Canceled extends SluiceError {
  readonly code = 'ERR_SLUICE_CANCELED'

  constructor(cause?: unknown) {
    super('context canceled', cause === undefined ? undefined : { cause })
  }
}
