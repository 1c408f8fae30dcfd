import type { Context } from '../../context/context.js'
import { Canceled } from '../../runtime/errors.js'
import type { Routine } from '../../runtime/operation.js'
import type { ClientResponse } from './client-response.js'
import { Exchange, type ExchangeLimits } from './exchange.js'
import type { Message } from './message.js'
import type { OriginPool } from './origin-pool.js'

/** A request that is made once, or once more. */
export interface Attempt {
  readonly message: Message
  readonly limits: ExchangeLimits
  /** Header fields of its own; asked once there is a connection: waiting for one takes time too. */
  readonly headers: () => string[]
  /** Whether a response means to the guards that it failed; `undefined` where there are none. */
  readonly isFailure: ((response: ClientResponse) => boolean) | undefined
}

/**
 * Sends a request and waits for the head of its response, within the context that the guards give it. The body is bound to that
 * of the caller: the guards have let go of theirs by the time it is read.
 */
export function* send(
  within: Context,
  ctx: Context,
  pool: OriginPool,
  { message, limits, headers, isFailure }: Attempt,
): Routine<ClientResponse> {
  const connection = yield* pool.acquire().within(within)
  const exchange = new Exchange(connection, message, limits)
  let isAnswered = false
  try {
    exchange.send(headers())
    yield* exchange.head().within(within)
    const response = exchange.response()
    // Whoever tries again, or takes something else, will not read it: so it must not keep its connection.
    if (isFailure?.(response) === true) {
      yield* exchange.kept().within(within)
      exchange.cutOff()
    }
    isAnswered = true
    exchange.boundTo(ctx)
    return response
  } finally {
    // Also where its goroutine was told to stop.
    if (!isAnswered) exchange.giveUp(within.err ?? new Canceled())
  }
}
