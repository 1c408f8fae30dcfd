import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, go, run, yieldNow } from 'sluice'
import { buffers, Pool } from 'sluice/sync'
import { VirtualClock } from 'sluice/testing'

class Thing {
  text = ''
}

/** A pool that is empty gives what `create` makes: here something that says so. */
const emptySign = 'made'

async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.()
    // The registry tells of a collection in a turn of its own.
    await new Promise<void>((resolve) => AbortSignal.timeout(1).addEventListener('abort', () => resolve()))
  }
}

class TickingClock extends VirtualClock {
  ms = 0
  override now(): number {
    return this.ms
  }
}

describe('Pool', () => {
  it('PO1: gives the private object first, then the newest of the shared ones, then new ones', () => {
    const pool = new Pool({ create: () => emptySign })
    expect(pool.get()).toBe(emptySign)
    pool.put('a')
    pool.put('b')
    pool.put('c')
    expect([pool.get(), pool.get(), pool.get(), pool.get()]).toEqual(['a', 'c', 'b', emptySign])
  })

  it('PO2: keeps what is idle through one major collection, and not through two', async () => {
    const pool = new Pool({ create: () => emptySign })
    for (let i = 0; i < 100; i++) pool.put(`put ${i}`)
    globalThis.gc?.()
    await new Promise<void>((resolve) => AbortSignal.timeout(1).addEventListener('abort', () => resolve()))
    expect(pool.get()).toMatch(/^put/)
    await collectGarbage()
    expect(pool.get()).toBe(emptySign)
    expect(pool.stats()).toMatchObject({ idle: 0, evictions: 99 })
  })

  it('PO3: makes an object only when none is there', () => {
    let made = 0
    const pool = new Pool({ create: () => ++made })
    expect([pool.get(), pool.get()]).toEqual([1, 2])
    pool.put(42)
    expect([pool.get(), pool.get()]).toEqual([42, 3])
  })

  it.each(['drained', 'not drained'])('PO4: does not keep its objects alive, %s', async (how) => {
    const count = 100
    let collected = 0
    const registry = new FinalizationRegistry(() => collected++)
    const pool = new Pool({ create: () => new Thing() })
    const fill = () => {
      const things = Array.from({ length: count }, () => new Thing())
      for (const thing of things) {
        registry.register(thing, undefined)
        pool.put(thing)
      }
    }
    fill()
    if (how === 'drained') for (let i = 0; i < count; i++) pool.get()
    for (let i = 0; i < 5; i++) await collectGarbage()
    expect(collected).toBeGreaterThanOrEqual(count - 1)
    expect(pool.stats().idle).toBe(0)
  })

  it('PO5: gives each object to one holder at a time, and never a foreign one', () =>
    run(function* () {
      const own = new Set<Thing>()
      const held = new Set<Thing>()
      const pool = new Pool({
        create: () => {
          const thing = new Thing()
          own.add(thing)
          return thing
        },
      })
      const workers = Array.from({ length: 10 }, () =>
        go(function* () {
          for (let i = 0; i < 200; i++) {
            const thing = pool.get()
            expect([own.has(thing), held.has(thing)]).toEqual([true, false])
            held.add(thing)
            yield* yieldNow()
            held.delete(thing)
            pool.put(thing)
          }
        }),
      )
      for (const g of workers) yield* g
      expect(own.size).toBeLessThanOrEqual(10)
    }))

  it('gives every object back in the end, whatever the order: like a list', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (steps) => {
        let made = 0
        const pool = new Pool({ create: () => ({ id: made++ }) })
        const out: { id: number }[] = []
        for (const gets of steps) {
          const back = out.pop()
          if (gets || back === undefined) {
            if (back !== undefined) out.push(back)
            out.push(pool.get())
          } else pool.put(back)
        }
        expect(new Set(out).size).toBe(out.length)
        expect(pool.stats().idle).toBe(made - out.length)
      }),
    )
  })

  it('resets what is put back', () => {
    const pool = new Pool({ create: () => new Thing(), reset: (thing) => (thing.text = '') })
    const thing = pool.get()
    thing.text = 'secret'
    pool.put(thing)
    expect(pool.get()).toBe(thing)
    expect(thing.text).toBe('')
  })

  it('disposes of what does not validate', () => {
    const disposed: Thing[] = []
    const pool = new Pool({
      create: () => new Thing(),
      validate: (thing) => thing.text !== 'broken',
      dispose: (thing) => disposed.push(thing),
    })
    const thing = pool.get()
    thing.text = 'broken'
    pool.put(thing)
    expect(disposed).toEqual([thing])
    expect(pool.stats()).toMatchObject({ idle: 0, evictions: 1 })
  })

  it('refuses what is not of its type, and names both', () => {
    const pool = new Pool({ name: 'things', create: () => new Thing() })
    pool.get()
    expect(() => pool.put(new Map() as never)).toThrow('things: put() got Map, but this pool holds Thing')
    expect(() => pool.put(undefined as never)).toThrow(ArgumentError)
    expect(() => new Pool({} as never)).toThrow('a Pool needs a `create` function')
  })

  it('refuses an object that is put back twice in a row', () => {
    const pool = new Pool({ create: () => new Thing() })
    const [a, b] = [pool.get(), pool.get()]
    pool.put(a)
    expect(() => pool.put(a)).toThrow('put back already')
    pool.put(b)
    expect(() => pool.put(b)).toThrow('put back already')
  })

  it('leases an object for the length of a block, and puts it back once', () => {
    const pool = new Pool({ create: () => new Thing() })
    const lease = pool.lease()
    lease[Symbol.dispose]()
    lease[Symbol.dispose]()
    expect(pool.stats().idle).toBe(1)
  })

  it('lets go of what is idle for longer than maxIdle', () => {
    const clock = new TickingClock()
    const pool = new Pool({ create: () => new Thing(), clock, maxIdle: 1000 })
    for (const thing of [pool.get(), pool.get(), pool.get()]) pool.put(thing)
    clock.ms = 900
    expect(pool.stats()).toMatchObject({ idle: 3, evictions: 0 })
    clock.ms = 1100
    expect(pool.stats().evictions).toBeGreaterThanOrEqual(2)
  })

  it('lets go of what is older than maxAge, but only when the hit rate falls', () => {
    const clock = new TickingClock()
    const pool = new Pool({ create: () => new Thing(), clock, maxAge: 10_000 })
    const hold = (count: number) => Array.from({ length: count }, () => pool.get())
    for (const thing of hold(10)) pool.put(thing)
    for (let second = 1; second <= 60; second++) {
      clock.ms = second * 1000
      for (const thing of hold(5)) pool.put(thing)
      pool.stats()
    }
    expect(pool.stats()).toMatchObject({ evictions: 0 })
    expect(pool.stats().hitRateSlopePerHour).toBeGreaterThanOrEqual(0)
    // Now more and more gets find nothing.
    const kept: Thing[] = []
    for (let second = 61; second <= 120; second++) {
      clock.ms = second * 1000
      for (const thing of hold(10)) pool.put(thing)
      kept.push(...hold(second - 60))
      for (const thing of kept.splice(0, 3)) pool.put(thing)
      pool.stats()
    }
    expect(pool.stats().hitRateSlopePerHour).toBeLessThan(-0.1)
    expect(pool.stats().evictions).toBeGreaterThan(0)
  })

  it('counts hits and misses', () => {
    const pool = new Pool({ create: () => new Thing(), name: 'counted' })
    pool.put(pool.get())
    pool.get()
    pool.get()
    expect(pool.stats()).toMatchObject({ name: 'counted', hits: 1, misses: 2, hitRate: 1 / 3, idle: 0 })
  })
})

describe('buffers', () => {
  it.each([
    [0, 64],
    [64, 64],
    [65, 512],
    [4096, 4096],
    [4097, 65_536],
    [100_000, 100_000],
  ])('a lease of %i bytes lies in memory of %i', (size, memory) => {
    using lease = buffers.lease(size)
    expect([lease.bytes.length, lease.bytes.buffer.byteLength]).toEqual([size, memory])
  })

  it('uses the memory again', () => {
    const first = buffers.lease(500)
    const { buffer } = first.bytes
    first[Symbol.dispose]()
    using second = buffers.lease(400)
    expect(second.bytes.buffer).toBe(buffer)
    expect(buffers.stats().map(({ name }) => name)).toContain('buffers of 512 bytes')
  })

  it('refuses a size that is none', () => {
    expect(() => buffers.lease(-1)).toThrow('buffers.lease() needs a size in whole bytes, not -1')
  })
})
