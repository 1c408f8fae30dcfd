import { ArgumentError } from '../../runtime/errors.js'
import { gcraScript, gcraScriptSha1 } from './gcra-script.js'
import { type LimitStore, LimitStoreError, type TokenGrant, type TokenRequest } from './limit-store.js'

/** What a script is called with. */
export interface RedisScriptCall {
  keys: string[]
  arguments: string[]
}

/**
 * What is needed of a Redis client: the one of the package `redis` is such a client, alone or of a cluster. For another,
 * ioredis for example:
 *
 * ```ts
 * const client = {
 *   eval: (script, { keys, arguments: args }) => io.eval(script, keys.length, ...keys, ...args),
 *   evalSha: (sha1, { keys, arguments: args }) => io.evalsha(sha1, keys.length, ...keys, ...args),
 *   get isReady() { return io.status === 'ready' },
 * }
 * ```
 */
export interface RedisClient {
  eval(script: string, call: RedisScriptCall): Promise<unknown>
  evalSha(sha1: string, call: RedisScriptCall): Promise<unknown>
  /** Whether commands go out now. Where nobody knows, they may wait in the client, and take tokens long after. */
  readonly isReady?: boolean
}

export interface RedisStoreOptions {
  /** What the names of keys begin with: `sluice:limit:` unless said. */
  readonly prefix?: string
}

/**
 * Shares limits over Redis, from version 5 on: one round trip a request, by a script that runs on the clock of Redis.
 *
 * ```ts
 * const client = createClient({ url, socket: { reconnectStrategy: 100 } })
 * client.on('error', (error) => log(error))
 * await client.connect()
 * const store = redisStore(client)
 * ```
 *
 * The client stays yours, and so does its reconnecting: by default the package `redis` takes up to two seconds for it after
 * a long outage. Make one store for each client and give it to all limits, since they learn from one another whether Redis
 * answers.
 * @throws ArgumentError if `client` has no `eval` and `evalSha`.
 */
export function redisStore(
  client: RedisClient,
  { prefix = 'sluice:limit:' }: RedisStoreOptions = {},
): LimitStore {
  if (typeof client?.eval !== 'function' || typeof client.evalSha !== 'function') {
    throw new ArgumentError(
      'redisStore() needs a client with eval() and evalSha(), such as createClient() of the package redis makes',
    )
  }
  return new RedisStore(client, prefix)
}

class RedisStore implements LimitStore {
  readonly name = 'Redis'

  constructor(
    private readonly client: RedisClient,
    private readonly prefix: string,
  ) {}

  async take({ key, rate, burst, spent, want, least }: TokenRequest): Promise<TokenGrant> {
    const { client } = this
    // Otherwise the command would wait in the client's queue, and take tokens when nobody wants them any more.
    if (client.isReady === false) {
      throw new LimitStoreError(
        'the Redis client has no connection: it was not connected yet, or has lost it',
      )
    }
    const call = {
      keys: [this.prefix + key],
      arguments: [rate, burst, spent, want, least].map(String),
    }
    try {
      return grantOf(await client.evalSha(gcraScriptSha1, call))
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      return grantOf(await client.eval(gcraScript, call))
    }
  }
}

/** Redis forgets its scripts when it starts, and at SCRIPT FLUSH. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

function grantOf(reply: unknown): TokenGrant {
  const [granted, remaining] = Array.isArray(reply) ? reply.map((part) => amountOf(part)) : []
  if (granted === undefined || remaining === undefined) {
    throw new LimitStoreError(`Redis did not answer with two numbers: ${shown(reply)}`)
  }
  return { granted, remaining }
}

/** Strings or, with a client that is set up so, buffers. */
function amountOf(part: unknown): number | undefined {
  const text = String(part)
  const amount = Number(text)
  return text.trim() === '' || Number.isNaN(amount) ? undefined : amount
}

function shown(reply: unknown): string {
  return String(JSON.stringify(reply)).slice(0, 100)
}
