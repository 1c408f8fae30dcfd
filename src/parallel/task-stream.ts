import { ArgumentError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'

export interface MapOptions {
  /** Calls under way, or finished and not yet taken, at a time; 64 by default. */
  readonly window?: number
}

export class TaskStream<T> {
  constructor(call: (item: unknown) => Operation<T>, items: Iterable<unknown> | AsyncIterable<unknown>, options?: MapOptions) {
    void call; void items; void options; void ArgumentError
  }
}
