import type { Running } from '../../resilience/run.js'
import { MisuseError } from '../../runtime/errors.js'
import type { Parked } from '../../runtime/operation.js'

/** A call that begins when it is waited for: what has to be looked at before the guards is looked at then. */
export class Calling<T> implements Running<T> {
  private isBegun = false

  constructor(private readonly call: () => Running<T>) {}

  [Symbol.iterator](): Iterator<Parked, T, unknown> {
    return this.begin()[Symbol.iterator]()
  }

  // biome-ignore lint/suspicious/noThenProperty: `await client.get(…)` is half of the contract.
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    // In an async function, so that what `begin` throws is a rejection.
    return (async () => await this.begin())().then(onValue, onError)
  }

  private begin(): Running<T> {
    if (this.isBegun)
      throw new MisuseError('a request was waited for twice: keep the response, or make a new one')
    this.isBegun = true
    return this.call()
  }
}
