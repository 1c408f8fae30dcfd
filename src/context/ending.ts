/**
 * How a context ended: one object for all that ended together. The error, whose stack costs more than all the rest of
 * ending a context, is made when somebody asks for it; mostly `using` ends a context that nobody looks at any more.
 */
export class Ending {
  /** @param kind the class of the error, unless the error is there already. */
  constructor(
    private readonly kind: new (cause?: unknown) => Error,
    private readonly reason: unknown,
    private error?: Error,
  ) {}

  get err(): Error {
    this.error ??= new this.kind(this.reason)
    return this.error
  }

  get cause(): unknown {
    return this.reason ?? this.err
  }
}
