import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { go, type Operation, yieldNow } from 'sluice'
import { background, Canceled, withCancel } from 'sluice/context'
import { type Permits, Semaphore } from 'sluice/sync'
import { bubble } from 'sluice/testing'

describe('Semaphore, against a naive twin', () => {
  it('SM6: grants what a list of requests would, in its order, with any mixture of giving up', () => {
    const what = fc.constantFrom('acquire', 'acquire', 'try', 'release', 'give up')
    const command = fc.record({ what, permits: fc.nat(6), at: fc.nat(4) })
    fc.assert(
      fc.property(fc.array(command), (steps) => {
        const slots = new Semaphore(5)
        const twin = new NaiveSemaphore(5)
        const waits = new Map<number, Operation<Permits>>()
        const held: { id: number; permits: number }[] = []
        steps.forEach(({ what, permits, at }, id) => {
          if (what === 'acquire') {
            const wait = slots.acquire(permits).claim()
            const grant = () => {
              waits.delete(id)
              held.push({ id, permits })
            }
            waits.set(id, wait)
            twin.acquire({ id, permits })
            if (wait.attempt()) grant()
            else wait.parkFor({ wake: grant })
          } else if (what === 'try') {
            const taken = slots.tryAcquire(permits)
            expect(taken).toBe(twin.tryAcquire({ id, permits }))
            if (taken) held.push({ id, permits })
          } else if (what === 'release') {
            const [given] = held.splice(at, 1)
            if (given === undefined) return
            twin.release(given.permits)
            slots.release(given.permits)
          } else {
            const [chosen] = [...waits].slice(at)
            if (chosen === undefined) return
            waits.delete(chosen[0])
            twin.giveUp(chosen[0])
            chosen[1].abandon()
          }
          expect(slots.free).toBe(twin.free)
          expect([...waits.keys()].sort()).toEqual(twin.waiting.map((each) => each.id).sort())
        })
      }),
      { numRuns: 500 },
    )
  })

  it('loses no permit, in any order and with any cancels', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(fc.nat(7), { maxLength: 12 }), async (seed, cancels) => {
        await bubble(
          function* () {
            const slots = new Semaphore(4)
            const ctx = withCancel(background())
            const all = Array.from({ length: 8 }, (_, i) =>
              go(function* () {
                for (let round = 0; round < 4; round++) {
                  using _ = yield* slots.acquire(1 + (i % 4)).within(ctx)
                  yield* yieldNow()
                }
              }),
            )
            for (const index of cancels) {
              yield* yieldNow()
              if (index === 7) ctx.cancel()
              all[index]?.cancel()
            }
            for (const g of all) {
              const { error } = yield* g.outcome()
              if (error !== undefined) expect(error).toBeInstanceOf(Canceled)
            }
            expect(slots.free).toBe(4)
          },
          { seed },
        )
      }),
      { numRuns: 300 },
    ))
})

interface Request {
  readonly id: number
  readonly permits: number
}

class NaiveSemaphore {
  waiting: Request[] = []

  constructor(
    public free: number,
    readonly size = free,
  ) {}

  acquire(request: Request): void {
    this.waiting.push(request)
    this.serve()
  }

  tryAcquire({ permits }: Request): boolean {
    if (this.fitting.length > 0 || permits > this.free) return false
    this.free -= permits
    return true
  }

  release(permits: number): void {
    this.free += permits
    this.serve()
  }

  giveUp(id: number): void {
    this.waiting = this.waiting.filter((each) => each.id !== id)
    this.serve()
  }

  private get fitting(): Request[] {
    return this.waiting.filter(({ permits }) => permits <= this.size)
  }

  private serve(): void {
    const [head] = this.fitting
    if (head === undefined || head.permits > this.free) return
    this.free -= head.permits
    this.giveUp(head.id)
  }
}
