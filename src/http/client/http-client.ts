import { background } from '../../context/background.js'
import { withCancel } from '../../context/cancel.js'
import type { Context } from '../../context/context.js'
import type { Priority } from '../../resilience/guard.js'
import { type Policy, policy } from '../../resilience/policy.js'
import type { CallOptions, Running } from '../../resilience/run.js'
import { spawn } from '../../runtime/go.js'
import type { Goroutine } from '../../runtime/goroutine.js'
import type { Routine } from '../../runtime/operation.js'
import type { GoFunction } from '../../runtime/origin.js'
import { scheduler } from '../../runtime/scheduler.js'
import { send } from './attempt.js'
import { Calling } from './calling.js'
import { ClientClosed } from './client-errors.js'
import { type ClientLimits, type HttpClientOptions, limitsOf } from './client-options.js'
import type { ClientResponse } from './client-response.js'
import { checkTime, withContextFields } from './context-fields.js'
import { type Message, messageOf, type RequestInit } from './message.js'
import type { OriginStats } from './origin-pool.js'
import { Origins } from './origins.js'
import { parseBase, type RequestTarget } from './request-target.js'
import { preload, undici } from './undici.js'

/** A request, and how it looks to the guards of the client's policy. */
export interface ClientRequest extends RequestInit {
  /** Who asks, for guards that count each caller apart. */
  readonly key?: string
  /** `normal` unless given. */
  readonly priority?: Priority
  /** How much of a limit it takes: 1 unless given. */
  readonly cost?: number
  /** Whether it may be sent twice: GET, HEAD, OPTIONS, TRACE, PUT and DELETE may, unless this says otherwise. */
  readonly idempotent?: boolean
  /** What `bytes()`, `text()` and `json()` read of the body at most; as the client says, unless given. */
  readonly maxBodyBytes?: number
}

/** What there is of a request beside its method and path. */
export type RequestOptions = Omit<ClientRequest, 'method' | 'path'>

/** What a client has done so far, and what its connections do now. */
export interface HttpClientStats {
  /** Requests that were sent, each attempt counted. */
  readonly requests: number
  /** Connections that were opened. */
  readonly opened: number
  /** Requests that were refused for want of a connection. */
  readonly refused: number
  readonly origins: readonly OriginStats[]
}

/**
 * A client for HTTP/1.1: keeps connections, sends requests under a policy, and tells servers of the context that it is called
 * in: its deadline, request id, trace and attempts. It needs the package undici.
 *
 * ```ts
 * const orders = httpClient({ base: 'http://orders:8080', policy: policy(retry({ budget }), breaker({ name: 'orders' })) })
 * const response = yield* orders.get(ctx, '/orders/1')
 * const order = yield* response.json()
 * ```
 * A response of any status is one; only what is no response is thrown. Redirects are not followed, bodies not decompressed.
 *
 * @throws ArgumentError if an option is none.
 */
export function httpClient(options: HttpClientOptions = {}): HttpClient {
  return new HttpClient(options)
}

export class HttpClient implements Disposable {
  private readonly base: RequestTarget | undefined
  private readonly limits: ClientLimits
  private readonly policy: Policy
  private readonly isFailure: (response: ClientResponse) => boolean
  private readonly origins: Origins
  /** Ends when it has been closed and no connection is left. */
  private readonly ended = withCancel(background())
  private isClosed = false
  private requests = 0

  /** @internal */
  constructor(private readonly options: HttpClientOptions) {
    this.limits = limitsOf(options)
    this.base = options.base === undefined ? undefined : parseBase(options.base)
    this.policy = options.policy ?? policy()
    this.isFailure = options.isFailure ?? isFailed
    this.origins = new Origins(this.limits, options.tls, () => this.checkEnd())
    preload()
  }

  /**
   * Sends a request when it is waited for, within `ctx`: `yield*` it in a goroutine, or `await` it. Gives the response once its
   * head is here. Throws `Refused`, `ConnectError`, `ConnectionLost`, `ResponseTimeout`, `BadResponse`, `ClientClosed`, or the
   * error of `ctx`: `DeadlineExceeded` also where too little time is left to call anybody.
   *
   * For the guards the call is over with the head. Reading the body is bound to `ctx`, not to them.
   * @throws ArgumentError if the request cannot be sent as it is.
   */
  request(ctx: Context, request: ClientRequest): Running<ClientResponse> {
    const message = messageOf(this.base, this.options.headers, request)
    return new Calling(() => this.call(ctx, message, request))
  }

  get(ctx: Context, path: string, options?: RequestOptions): Running<ClientResponse> {
    return this.request(ctx, { ...options, method: 'GET', path })
  }

  head(ctx: Context, path: string, options?: RequestOptions): Running<ClientResponse> {
    return this.request(ctx, { ...options, method: 'HEAD', path })
  }

  post(ctx: Context, path: string, options?: RequestOptions): Running<ClientResponse> {
    return this.request(ctx, { ...options, method: 'POST', path })
  }

  put(ctx: Context, path: string, options?: RequestOptions): Running<ClientResponse> {
    return this.request(ctx, { ...options, method: 'PUT', path })
  }

  patch(ctx: Context, path: string, options?: RequestOptions): Running<ClientResponse> {
    return this.request(ctx, { ...options, method: 'PATCH', path })
  }

  delete(ctx: Context, path: string, options?: RequestOptions): Running<ClientResponse> {
    return this.request(ctx, { ...options, method: 'DELETE', path })
  }

  stats(): HttpClientStats {
    const { requests, origins } = this
    return {
      requests,
      opened: origins.openedCount,
      refused: origins.refusedCount,
      origins: origins.stats(),
    }
  }

  /**
   * Takes no more requests, and waits for those under way until `ctx` ends; then they are broken off with `ClientClosed`. At the
   * end of a block that holds the client by `using`, they are broken off at once.
   */
  close(ctx: Context = background()): Goroutine<void> {
    this.isClosed = true
    this.origins.close()
    this.checkEnd()
    return spawn(scheduler(), this.close as GoFunction, (client: HttpClient) => client.live(ctx), [this])
  }

  [Symbol.dispose](): void {
    this.isClosed = true
    this.origins.cut(new ClientClosed('a request under way'))
  }

  private *live(ctx: Context): Routine<void> {
    try {
      yield* this.ended.done().within(ctx)
    } catch (error) {
      if (ctx.err === undefined) throw error
    } finally {
      this[Symbol.dispose]()
    }
  }

  private checkEnd(): void {
    if (this.isClosed && this.origins.isEmpty) this.ended.cancel()
  }

  private call(ctx: Context, message: Message, request: ClientRequest): Running<ClientResponse> {
    if (ctx.err !== undefined) throw ctx.err
    checkTime(ctx, message.what, this.limits.marginMs)
    const { key, priority, cost, idempotent = message.isIdempotent } = request
    const options: RepeatableCall = {
      ...(key !== undefined && { key }),
      ...(priority !== undefined && { priority }),
      ...(cost !== undefined && { cost }),
      idempotent: idempotent && message.isReplayable,
      isFailure: this.isFailure,
    }
    const client = this
    return this.policy.run(
      ctx,
      function* httpCall(within) {
        return yield* client.attempt(within, ctx, message, request)
      },
      options,
    )
  }

  private *attempt(
    within: Context,
    ctx: Context,
    message: Message,
    { maxBodyBytes = this.limits.maxBodyBytes }: ClientRequest,
  ): Routine<ClientResponse> {
    const library = yield* undici(within)
    if (this.isClosed) throw new ClientClosed(message.what)
    return yield* send(within, ctx, this.origins.poolOf(message.origin, library), {
      message,
      limits: { ...this.limits, maxBodyBytes },
      headers: () => {
        this.requests++
        return this.headersOf(message, within)
      },
      isFailure: this.options.policy === undefined ? undefined : this.isFailure,
    })
  }

  private headersOf({ fields, what }: Message, ctx: Context): string[] {
    const { marginMs } = this.limits
    checkTime(ctx, what, marginMs)
    return this.options.propagate === false ? [...fields] : withContextFields(fields, ctx, marginMs)
  }
}

/** A call that a retry or a hedge may make again, or may not. */
type RepeatableCall = CallOptions<ClientResponse> & { readonly idempotent: boolean }

/** 429 as well: whoever asks too much has to wait, and is told for how long. */
function isFailed({ status }: ClientResponse): boolean {
  return status >= 500 || status === 429
}
