import { SluiceError } from '../../runtime/errors.js'

/** What an instance asks of the store, all in one round trip. */
export interface TokenRequest {
  /** Which limit. */
  readonly key: string
  /** Tokens that come in a second, above 0. */
  readonly rate: number
  /** Tokens that there are at most, and at the beginning. */
  readonly burst: number
  /**
   * Counted first: tokens that the instance used while the store did not answer, or, below 0, that it took and did not use.
   * However many they are, there are never fewer than no tokens then, nor more than `burst`.
   */
  readonly spent: number
  /** Tokens that the instance has a use for: it gets as many whole ones of them as there are… */
  readonly want: number
  /** …but none if they are fewer than these. */
  readonly least: number
}

export interface TokenGrant {
  /** Tokens that the instance may use: `want`, or at least `least`, or 0. */
  readonly granted: number
  /** Tokens that are there still. */
  readonly remaining: number
}

/**
 * Where instances share limits: GCRA per key, in one step, on one clock that is the store's own. `redisStore` is one,
 * `memoryStore` another; `Gcra` is the arithmetic, for one of your own.
 */
export interface LimitStore {
  /** What messages call it: `Redis`. */
  readonly name: string
  /** Gives the grant, a promise or an operation of it. Fails if the store cannot be asked. */
  take(request: TokenRequest): PromiseLike<TokenGrant> | TokenGrant
}

/** The store of a cluster's limits did not answer in time, or what it answered makes no sense. No call ends with it. */
export class LimitStoreError extends SluiceError {
  readonly code = 'ERR_SLUICE_LIMIT_STORE'
}

const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0

/** @throws LimitStoreError if it is no grant: a store that is mistaken must not open the limit. */
export function checkGrant({ name }: LimitStore, { want }: TokenRequest, grant: TokenGrant): TokenGrant {
  const { granted, remaining } = (grant ?? {}) as Partial<TokenGrant>
  if (isAmount(granted) && granted <= want && isAmount(remaining)) return grant
  throw new LimitStoreError(
    `${name} was asked for ${want} tokens, and granted ${String(granted)} with ${String(remaining)} remaining`,
  )
}
