import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { go, type Operation, yieldNow } from 'sluice'
import { Canceled } from 'sluice/context'
import { type Lock, RWMutex } from 'sluice/sync'
import { bubble, waitIdle } from 'sluice/testing'

describe('RWMutex', () => {
  it('RW1: any number of readers hold it at once', () =>
    bubble(function* () {
      const mu = new RWMutex()
      let reading = 0
      const readers = Array.from({ length: 10 }, () =>
        go(function* () {
          using _ = yield* mu.rlock()
          reading++
          yield* waitUntil(() => reading === 10)
        }),
      )
      for (const g of readers) yield* g
      expect(mu.tryLock()).toBe(true)
    }))

  it('RW2: while it is write-locked nothing else is granted, while it is read-locked only reads are', () => {
    const mu = new RWMutex()
    expect(mu.tryLock()).toBe(true)
    expect([mu.tryLock(), mu.tryRLock()]).toEqual([false, false])
    mu.unlock()
    expect(mu.tryRLock()).toBe(true)
    expect([mu.tryRLock(), mu.tryLock()]).toEqual([true, false])
    mu.runlock()
    expect(mu.tryLock()).toBe(false)
    mu.runlock()
    expect(mu.tryLock()).toBe(true)
  })

  it('RW3: a reader never sees a writer, a writer sees nobody, in any order and with any cancels', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(fc.nat(6), { maxLength: 10 }), async (seed, cancels) => {
        await bubble(
          function* () {
            const mu = new RWMutex()
            let activity = 0
            function* use(lock: () => Operation<Lock>, weight: number, isRight: () => boolean) {
              for (let i = 0; i < 5; i++) {
                using _ = yield* lock()
                activity += weight
                try {
                  expect(isRight()).toBe(true)
                  yield* yieldNow()
                  expect(isRight()).toBe(true)
                } finally {
                  activity -= weight
                }
              }
            }
            const readers = Array.from({ length: 5 }, () =>
              go(
                use,
                () => mu.rlock(),
                1,
                () => activity < 10_000,
              ),
            )
            const writers = Array.from({ length: 2 }, () =>
              go(
                use,
                () => mu.lock(),
                10_000,
                () => activity === 10_000,
              ),
            )
            const all = [...writers, ...readers]
            for (const index of cancels) {
              yield* yieldNow()
              all[index]?.cancel()
            }
            for (const g of all) {
              const { error } = yield* g.outcome()
              if (error !== undefined) expect(error).toBeInstanceOf(Canceled)
            }
            expect(mu.tryLock()).toBe(true)
          },
          { seed },
        )
      }),
      { numRuns: 300 },
    ))

  it('RW4: a reader that comes while a writer waits gets in after the writer', () =>
    bubble(function* () {
      const mu = new RWMutex()
      const order: string[] = []
      yield* mu.rlock()
      yield* mu.rlock()
      const writer = go(entrant, order, 'writer', mu.lock())
      yield* waitIdle()
      const reader = go(entrant, order, 'reader', mu.rlock())
      yield* waitIdle()
      expect([writer.waitReason, reader.waitReason]).toEqual(['sync.RWMutex.Lock', 'sync.RWMutex.RLock'])
      expect(mu.tryRLock()).toBe(false)

      mu.runlock()
      yield* waitIdle()
      expect(order).toEqual([]) // not until the last reader leaves
      mu.runlock()

      yield* reader
      expect(order).toEqual(['writer', 'reader'])
    }))

  it('RW4: the lock of rlocker is rlock, its unlock is runlock', () =>
    bubble(function* () {
      const mu = new RWMutex()
      const reading = mu.rlocker()
      {
        using _ = yield* reading.lock()
        expect(reading.tryLock()).toBe(true)
        expect(mu.tryLock()).toBe(false)
        reading.unlock()
      }
      expect(mu.tryLock()).toBe(true)
      expect(reading.tryLock()).toBe(false)
      mu.unlock()
    }))

  it('RW5: all readers that came during a write get in before the next writer', () =>
    bubble(function* () {
      const mu = new RWMutex()
      const order: string[] = []
      yield* mu.lock()
      go(entrant, order, 'early reader', mu.rlock())
      yield* waitIdle()
      const second = go(entrant, order, 'second writer', mu.lock())
      yield* waitIdle()
      go(entrant, order, 'late reader', mu.rlock())
      yield* waitIdle()

      mu.unlock()

      yield* second
      expect(order).toEqual([
        expect.stringContaining('reader'),
        expect.stringContaining('reader'),
        'second writer',
      ])
    }))

  it('RW4: when the writer gives up, the readers behind it get in', () =>
    bubble(function* () {
      const mu = new RWMutex()
      yield* mu.rlock()
      const writer = go(entrant, [], 'writer', mu.lock())
      yield* waitIdle()
      const reader = go(entrant, [], 'reader', mu.rlock())
      yield* waitIdle()
      expect(reader.state).toBe('waiting')

      writer.cancel()

      yield* reader
      mu.runlock()
      expect(mu.tryLock()).toBe(true)
    }))

  it('admits whom its rules admit and keeps nobody waiting for nothing, with any mixture of giving up', () => {
    const what = fc.constantFrom('read', 'write', 'runlock', 'unlock', 'give up')
    fc.assert(
      fc.property(fc.array(fc.record({ what, at: fc.nat(5) })), (steps) => {
        const mu = new RWMutex()
        const holds = { readers: 0, writers: 0 }
        let waits: { kind: 'readers' | 'writers'; wait: Operation<Lock> }[] = []
        for (const { what, at } of steps) {
          if (what === 'runlock' && holds.readers > 0) {
            holds.readers--
            mu.runlock()
          } else if (what === 'unlock' && holds.writers > 0) {
            holds.writers--
            mu.unlock()
          } else if (what === 'give up') {
            const [waiter] = waits.splice(at, 1)
            waiter?.wait.abandon()
          } else if (what === 'read' || what === 'write') {
            const kind = what === 'read' ? 'readers' : 'writers'
            const wait = (what === 'read' ? mu.rlock() : mu.lock()).claim()
            const grant = () => {
              // Of its kind, nobody that came earlier is still waiting.
              expect(waits.find((each) => each.kind === kind)?.wait ?? wait).toBe(wait)
              waits = waits.filter((each) => each.wait !== wait)
              holds[kind]++
            }
            if (wait.attempt()) {
              expect(waits).toEqual([])
              grant()
            } else {
              waits.push({ kind, wait })
              wait.parkFor({ wake: grant })
            }
          }
          const writersWait = waits.some(({ kind }) => kind === 'writers')
          const readersWait = waits.some(({ kind }) => kind === 'readers')
          expect(holds.writers === 0 || (holds.writers === 1 && holds.readers === 0)).toBe(true)
          if (writersWait) expect(holds.writers + holds.readers).toBeGreaterThan(0)
          if (readersWait) expect(holds.writers === 1 || writersWait).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })
})

function* entrant(order: string[], name: string, entering: Operation<Lock>) {
  using _ = yield* entering
  order.push(name)
}

function* waitUntil(holds: () => boolean) {
  while (!holds()) yield* yieldNow()
}
