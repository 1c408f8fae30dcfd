import type { Clock } from '../../runtime/clock.js'
import { scheduler } from '../../runtime/scheduler.js'
import { Gcra } from './gcra.js'
import type { LimitStore, TokenGrant, TokenRequest } from './limit-store.js'

export interface MemoryStoreOptions {
  readonly clock?: Clock
}

/**
 * Shares limits among all that have this object: for tests, and for development without Redis. It answers at once. A key
 * that is full again leaves.
 */
export function memoryStore({ clock = scheduler().clock }: MemoryStoreOptions = {}): MemoryStore {
  return new MemoryStore(clock)
}

export class MemoryStore implements LimitStore {
  readonly name = 'the memory store'
  private readonly limits = new Map<string, { readonly gcra: Gcra; fullMs: number }>()
  /** A look at all keys is paid for by as many requests. */
  private untilSweep = 1000

  /** @internal */
  constructor(private readonly clock: Clock) {}

  /** Keys that there are now. */
  get size(): number {
    return this.limits.size
  }

  take(request: TokenRequest): TokenGrant {
    const nowMs = this.clock.now()
    if (--this.untilSweep <= 0) this.sweep(nowMs)
    let limit = this.limits.get(request.key)
    if (limit === undefined) {
      limit = { gcra: new Gcra(nowMs), fullMs: 0 }
      this.limits.set(request.key, limit)
    }
    const grant = limit.gcra.take(request, nowMs)
    limit.fullMs = limit.gcra.fullMs(request.rate)
    return grant
  }

  private sweep(nowMs: number): void {
    for (const [key, { fullMs }] of this.limits) if (fullMs <= nowMs) this.limits.delete(key)
    this.untilSweep = Math.max(1000, this.limits.size)
  }
}
