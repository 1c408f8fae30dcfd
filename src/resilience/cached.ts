import type { Clock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Context } from '../context/context.js'
import type { Routine } from '../runtime/operation.js'
import type { GoFunction } from '../runtime/origin.js'
import { scheduler } from '../runtime/scheduler.js'
import { Figures, type GuardStats } from './figures.js'
import type { Attempt, Wrapper } from './guard.js'
import { LruMap } from './lru-map.js'
import { type SharedCall, SharedCalls } from './shared-calls.js'
import { checkGiven } from './given.js'

export interface CachedOptions {
  /** How long a value is given without a call, in ms. */
  readonly ttlMs: number
  /** How long after that it is still given, while one call fetches a new one: not at all unless said. */
  readonly staleMs?: number
  /** How many keys it keeps: 1000 unless said. The one that was not used for longest goes first. */
  readonly maxKeys?: number
  readonly clock?: Clock
  /** What it protects. */
  readonly name?: string
}

/**
 * Keeps the values of hot keys for a short time. Callers who miss the same key at the same time share one call, which is theirs
 * together as with `singleflight`. Errors are not kept. With `staleMs` a value that is too old is given at once, while one call
 * in the background replaces it; its errors are only counted, and a `timeout` behind this guard bounds it. A call without a key
 * is made as it is.
 *
 * All callers get the same object: treat it as read-only.
 *
 * ```ts
 * const products = policy(cached({ ttlMs: 1000, staleMs: 10_000 }), timeout({ ms: 500 }))
 * yield* products.run(ctx, (ctx) => load(ctx, id), { key: id })
 * ```
 * Source: RFC 5861 (`stale-while-revalidate`).
 * @throws ArgumentError if `ttlMs` is not above 0, `staleMs` below 0, or `maxKeys` not a whole number from 1.
 */
export function cached(options: CachedOptions): Cached {
  checkGiven('cached', options)
  return new Cached(new Figures('cached', options.name ?? 'cached'), options)
}

/** What can change: all options, with their defaults. */
type Settings = Required<Omit<CachedOptions, 'name' | 'clock'>>

function settingsOf({ ttlMs, staleMs = 0, maxKeys = 1000 }: CachedOptions): Settings {
  if (!(ttlMs > 0)) {
    throw new ArgumentError(`ttlMs is a time above 0 ms, not ${ttlMs}: singleflight() shares without keeping`)
  }
  if (!(staleMs >= 0)) throw new ArgumentError(`staleMs is a time from 0 ms, not ${staleMs}`)
  if (!Number.isInteger(maxKeys) || maxKeys < 1) {
    throw new ArgumentError(`maxKeys is a whole number from 1, not ${maxKeys}`)
  }
  return { ttlMs, staleMs, maxKeys }
}

interface Entry {
  readonly value: unknown
  readonly atMs: number
}

/** A small cache as a guard. */
export class Cached implements Wrapper {
  private readonly entries: LruMap<string, Entry>
  private readonly calls = new SharedCalls(cached as GoFunction)
  private readonly clock: Clock
  private settings: Settings
  private hits = 0
  private staleHits = 0
  private misses = 0
  private evictions = 0
  private failedRefreshes = 0

  /** @internal */
  constructor(
    readonly figures: Figures,
    options: CachedOptions,
  ) {
    this.settings = settingsOf(options)
    this.entries = new LruMap(this.settings.maxKeys)
    this.clock = options.clock ?? scheduler().coarseClock
  }

  // A key stands for one call, so what is kept for it is of the type of its value.
  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    const { key } = attempt
    const { ttlMs, staleMs } = this.settings
    this.figures.admitted++
    if (key === undefined) return yield* attempt.run(attempt.ctx)
    const entry = this.entries.get(key)
    if (entry !== undefined) {
      const ageMs = this.clock.now() - entry.atMs
      if (ageMs < ttlMs) {
        this.hits++
        return entry.value as T
      }
      if (ageMs < ttlMs + staleMs) {
        this.staleHits++
        this.refresh(key, attempt)
        return entry.value as T
      }
      this.entries.delete(key)
    }
    this.misses++
    const call = this.calls.get(key) ?? this.load(key, attempt)
    return yield* this.calls.join(key, call as SharedCall<T>, attempt)
  }

  /** Forgets the value of a key; one that is being fetched is not kept. */
  delete(key: string): void {
    this.entries.delete(key)
    this.calls.forget(key)
  }

  /** Forgets all. */
  clear(): void {
    this.entries.clear()
    this.calls.clear()
  }

  /**
   * Changes the settings from now on, for the values that it has as well: they are as old as they are. With fewer `maxKeys`
   * those that were not used for longest leave.
   * @throws ArgumentError as `cached` does; nothing is changed then.
   */
  configure(options: CachedOptions): void {
    const before = this.settings
    this.settings = settingsOf(options)
    this.evictions += this.entries.resize(this.settings.maxKeys)
    this.figures.changed(before, this.settings)
  }

  stats(): GuardStats {
    const { hits, staleHits, misses, evictions, failedRefreshes, entries } = this
    return this.figures.stats('ok', {
      hits,
      staleHits,
      misses,
      evictions,
      failedRefreshes,
      keys: entries.size,
    })
  }

  private load<T>(key: string, attempt: Attempt<T>): SharedCall<T> {
    const isWanted = () => this.calls.get(key) === call
    const call: SharedCall<T> = this.calls.start(key, attempt, (ctx) =>
      this.loaded(key, attempt, ctx, isWanted),
    )
    return call
  }

  private refresh<T>(key: string, attempt: Attempt<T>): void {
    if (this.calls.get(key) !== undefined) return
    const isWanted = () => this.calls.get(key) === call
    const call: SharedCall<T> = this.calls.start(key, attempt, (ctx) =>
      this.refreshed(key, attempt, ctx, isWanted),
    )
    call.callers = 1 // the cache itself: one who joins it and leaves does not end it
  }

  /** Fetches a value and keeps it, unless its key was forgotten meanwhile. */
  private *loaded<T>(key: string, attempt: Attempt<T>, ctx: Context, isWanted: () => boolean): Routine<T> {
    const value = yield* attempt.run(ctx)
    if (!isWanted() || attempt.isFailure(value)) return value
    if (this.entries.set(key, { value, atMs: this.clock.now() })) this.evictions++
    return value
  }

  private *refreshed<T>(key: string, attempt: Attempt<T>, ctx: Context, isWanted: () => boolean): Routine<T> {
    try {
      return yield* this.loaded(key, attempt, ctx, isWanted)
    } catch (error) {
      this.failedRefreshes++
      this.figures.tell('refresh failed', error)
      throw error
    }
  }
}
