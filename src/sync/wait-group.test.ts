import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, chan, FatalError, go, goexit, run, yieldNow } from 'sluice'
import { background, Canceled, withCancel } from 'sluice/context'
import { WaitGroup } from 'sluice/sync'
import { bubble, waitIdle } from 'sluice/testing'

describe('WaitGroup', () => {
  it('WG1: two barriers hold sixteen goroutines, eight times on the same objects, in any order', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        await bubble(
          function* () {
            const [arrived, released] = [new WaitGroup(), new WaitGroup()]
            for (let round = 0; round < 8; round++) {
              const exited = chan<boolean>(16)
              arrived.add(16)
              released.add(16)
              for (let i = 0; i < 16; i++) {
                go(function* () {
                  arrived.done()
                  yield* released.wait()
                  yield* exited.send(true)
                })
              }
              yield* arrived.wait()
              for (let i = 0; i < 16; i++) {
                expect(exited.tryRecv()).toBeUndefined() // nobody passes the second barrier early
                released.done()
              }
              for (let i = 0; i < 16; i++) yield* exited.recv()
            }
          },
          { seed },
        )
      }),
      { numRuns: 200 },
    ))

  it('WG2: a counter below zero is fatal', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        const wg = new WaitGroup()
        wg.add(1)
        wg.done()
        expect(() => wg.done()).toThrow('sync: negative WaitGroup counter')
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([expect.any(FatalError)])
  })

  it('WG3: wait returns when the last of several is done, not before, and sees what they did', () =>
    bubble(function* () {
      const wg = new WaitGroup()
      wg.add(2)
      let sum = 0
      const waiter = go(function* () {
        yield* wg.wait()
        return sum
      })
      for (const term of [1, 2]) {
        yield* waitIdle()
        expect([waiter.state, waiter.waitReason]).toEqual(['waiting', 'sync.WaitGroup.Wait'])
        sum += term
        wg.done()
      }
      expect(yield* waiter).toBe(3)
    }))

  it('WG4: raising the counter before those that waited have returned is fatal', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        const wg = new WaitGroup()
        wg.add(1)
        const waiter = go(function* () {
          yield* wg.wait()
        })
        yield* yieldNow()
        wg.done()
        wg.add(1)
        expect(yield* waiter.outcome()).toEqual({ error: expect.any(FatalError) })
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toMatchObject([
      { message: 'sync: WaitGroup is reused before previous Wait has returned' },
    ])
  })

  it('WG4: it is used again once they have returned', () =>
    bubble(function* () {
      const wg = new WaitGroup()
      for (let round = 0; round < 3; round++) {
        wg.add(1)
        const waiters = [1, 2].map(() =>
          go(function* () {
            yield* wg.wait()
          }),
        )
        yield* waitIdle()
        wg.done()
        for (const g of waiters) yield* g
      }
    }))

  it('WG5: go runs functions of each kind, with their arguments, and wait waits for them', () =>
    run(function* () {
      const wg = new WaitGroup()
      const ran: string[] = []
      wg.go(function* (name: string) {
        yield* yieldNow()
        ran.push(name)
      }, 'generator')
      wg.go(async (name: string) => void ran.push(name), 'async')
      wg.go((name: string) => ran.push(name), 'plain')
      yield* wg.wait()
      expect(ran.sort()).toEqual(['async', 'generator', 'plain'])
    }))

  it('WG5: a failure in go ends the process', async () => {
    const crashes: unknown[] = []
    const failure = new Error('in go')
    await run(
      function* () {
        const wg = new WaitGroup()
        wg.go(() => {
          throw failure
        })
        yield* wg.wait()
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([failure])
  })

  it('WG5: a goroutine that exits by goexit is done', () =>
    run(function* () {
      const wg = new WaitGroup()
      wg.go(function* () {
        yield* goexit()
      })
      yield* wg.wait()
    }))

  it('waits no longer than the context lasts, and forgets the one that gave up', () =>
    bubble(function* () {
      const wg = new WaitGroup()
      const ctx = withCancel(background())
      wg.add(1)
      const g = go(function* () {
        yield* wg.wait().within(ctx)
      })
      yield* waitIdle()
      ctx.cancel()
      expect(yield* g.outcome()).toEqual({ error: expect.any(Canceled) })
      wg.done()
      yield* wg.wait()
    }))

  it('counts whole things only', () => {
    expect(() => new WaitGroup().add(0.5)).toThrow(ArgumentError)
  })
})
