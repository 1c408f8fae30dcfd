import { describe, expect, it } from 'vitest'
import type { LimitStore, TokenGrant, TokenRequest } from '../../src/resilience/cluster/limit-store.js'

/** A store that a test asks, and its time. */
export interface StoreUnderTest {
  readonly store: LimitStore
  /** Lets so many milliseconds pass, and a little more. */
  pass(ms: number): Promise<void>
}

let keys = 0

/** What every store of limits has to do. */
export function limitStoreContract(name: string, make: () => StoreUnderTest): void {
  /** Asks with a limit of one token in 100 s, so that time plays no part unless a test says so. */
  const asker = (about: Partial<TokenRequest> = {}) => {
    const { store, pass } = make()
    const limit = { key: `contract-${process.pid}-${keys++}`, rate: 0.01, burst: 5, ...about }
    const ask = async (more: Partial<TokenRequest>): Promise<TokenGrant> => {
      const { granted, remaining } = await store.take({ ...limit, spent: 0, want: 0, least: 0, ...more })
      return { granted, remaining: Math.round(remaining * 100) / 100 }
    }
    return { ask, pass }
  }

  describe(`${name}, as a store of limits`, () => {
    it('gives a burst and no more', async () => {
      const { ask } = asker()
      expect(await ask({ want: 3, least: 3 })).toEqual({ granted: 3, remaining: 2 })
      expect(await ask({ want: 3, least: 3 })).toEqual({ granted: 0, remaining: 2 })
      expect(await ask({ want: 2, least: 2 })).toEqual({ granted: 2, remaining: 0 })
      expect(await ask({ want: 1, least: 0 })).toEqual({ granted: 0, remaining: 0 })
    })

    it('gives as many whole ones as there are, from the least that is of use', async () => {
      const { ask } = asker()
      expect(await ask({ want: 0.5, least: 0.5 })).toEqual({ granted: 0.5, remaining: 4.5 })
      expect(await ask({ want: 20, least: 4.75 })).toEqual({ granted: 0, remaining: 4.5 })
      expect(await ask({ want: 20, least: 1.5 })).toEqual({ granted: 4.5, remaining: 0 })
    })

    it('counts what was used beside, and takes back what was not used', async () => {
      const { ask } = asker()
      expect(await ask({ spent: 4 })).toEqual({ granted: 0, remaining: 1 })
      expect(await ask({ spent: 1000, want: 1 })).toEqual({ granted: 0, remaining: 0 })
      expect(await ask({ spent: -2, want: 1 })).toEqual({ granted: 1, remaining: 1 })
      expect(await ask({ spent: -1e300 })).toEqual({ granted: 0, remaining: 5 })
    })

    it('has more with time, by its own clock', async () => {
      const { ask, pass } = asker({ rate: 50, burst: 4 })
      expect(await ask({ want: 4, least: 4 })).toMatchObject({ granted: 4 })
      expect(await ask({ want: 1, least: 1 })).toMatchObject({ granted: 0 })
      await pass(20)
      expect(await ask({ want: 1, least: 1 })).toMatchObject({ granted: 1 })
      await pass(200)
      expect(await ask({ want: 9, least: 0 })).toMatchObject({ granted: 4 })
    })

    it('works where a burst comes in less than a second', async () => {
      const { ask } = asker({ rate: 1e6, burst: 10 })
      expect(await ask({ want: 10, least: 10 })).toMatchObject({ granted: 10 })
    })

    it('keeps keys apart, whatever they are made of', async () => {
      const strange = ['{a}b', '}{', '{}', 'a b\r\nc', '€ 😀', '\u0000', "'; return 1 --", 'x'.repeat(20_000)]
      for (const part of strange) {
        const { ask } = asker({ key: `${part}-${process.pid}-${keys++}` })
        expect(await ask({ want: 5, least: 5 })).toEqual({ granted: 5, remaining: 0 })
        expect(await ask({ want: 1, least: 1 })).toEqual({ granted: 0, remaining: 0 })
      }
    })

    it.each([
      { rate: 1e-9, burst: 1e15 },
      { rate: 1e15, burst: 1e15 },
      { rate: 1e-300, burst: 1 },
      { rate: 1e300, burst: 1e300 },
      { rate: 0.1, burst: 1.000001 },
    ])('takes any numbers: %o', async (limit) => {
      const { ask } = asker(limit)
      expect((await ask({ want: limit.burst, least: limit.burst })).granted).toBe(limit.burst)
      expect((await ask({ want: 1, least: 1 })).remaining).toBeLessThanOrEqual(limit.burst)
    })

    it('takes a limit that has become smaller or larger, with nobody shut out', async () => {
      const { ask, pass } = asker({ burst: 100 })
      expect(await ask({ want: 50, least: 50 })).toEqual({ granted: 50, remaining: 50 })
      expect(await ask({ burst: 10, want: 5, least: 5 })).toEqual({ granted: 0, remaining: 0 })
      await pass(5)
      expect(await ask({ burst: 10, want: 5, least: 5, rate: 1e9 })).toMatchObject({ granted: 5 })
    })
  })
}
