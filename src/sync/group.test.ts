import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, FatalError, go, goexit, run, sleep, yieldNow } from 'sluice'
import { background, Canceled, withCancel } from 'sluice/context'
import { Group } from 'sluice/sync'
import { bubble, waitIdle } from 'sluice/testing'

const [e1, e2] = [new Error('e1'), new Error('e2')]
const lists = [[], [undefined], [e1], [e1, undefined], [e1, undefined, e2]]

describe('Group', () => {
  it.each(lists.map((list) => [list]))(
    'EG1: after tasks that end with %j, wait throws the first error ever',
    (list) =>
      run(function* () {
        const group = new Group()
        let first: Error | undefined
        for (const error of list) {
          first ??= error
          yield* group.go(task, error)
          expect(yield* errorOf(group)).toBe(first)
        }
        expect(yield* errorOf(group)).toBe(first)
      }),
  )

  it.each(lists.map((list) => [list]))('EG2: after tasks that end with %j, the context has ended', (list) =>
    run(function* () {
      const ctx = withCancel(background())
      const group = new Group({ ctx })
      for (const error of list) yield* group.go(task, error)
      expect(ctx.err).toBeUndefined()
      expect(yield* errorOf(group)).toBe(list[0])
      expect(ctx.err).toBeInstanceOf(Canceled)
    }),
  )

  it.each(lists.map((list) => [list]))(
    'EG3: after tasks that end with %j, the cause is the first error',
    (list) =>
      run(function* () {
        const ctx = withCancel(background())
        const group = new Group({ ctx })
        for (const error of list) yield* group.go(task, error)
        yield* errorOf(group)
        expect(ctx.cause).toBe(list[0] ?? ctx.err)
      }),
  )

  it('EG3: the first error cancels what the others do, and is the one that wait throws', () =>
    bubble(function* () {
      const ctx = withCancel(background())
      const group = new Group({ ctx })
      yield* group.go(() => sleep(60_000).within(ctx))
      yield* group.go(task, e1)
      expect(yield* errorOf(group)).toBe(e1)
      expect(ctx.cause).toBe(e1)
    }))

  it('EG4: tryGo starts as many as the limit allows, and more when they have ended', () =>
    run(function* () {
      const group = new Group({ limit: 42 })
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 42; i++) expect(group.tryGo(task, undefined)).toBe(true)
        expect(group.tryGo(task, undefined)).toBe(false)
        yield* group.wait()
      }
      group.setLimit(1)
      expect([group.tryGo(task, undefined), group.tryGo(task, undefined)]).toEqual([true, false])
      yield* group.wait()
      group.setLimit(0)
      for (let i = 0; i < 1024; i++) expect(group.tryGo(task, undefined)).toBe(false)
    }))

  it('EG4: what waits at a limit of 0 starts when the limit is raised, and keeps no wait waiting', () =>
    bubble(function* () {
      const group = new Group({ limit: 0 })
      let ran = 0
      const caller = go(function* () {
        for (let i = 0; i < 2; i++) yield* group.go(() => ran++)
      })
      yield* waitIdle()
      expect(caller.waitReason).toBe('errgroup.Group.Go')
      yield* group.wait()
      expect(ran).toBe(0)
      group.setLimit(1)
      yield* caller
      yield* group.wait()
      expect(ran).toBe(2)
    }))

  it('EG5: a thousand tasks with a limit of ten: never more than ten run, and go waits, in any order', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        await bubble(
          function* () {
            const group = new Group({ limit: 10 })
            let [active, most, ran] = [0, 0, 0]
            for (let i = 0; i < 1025; i++) {
              yield* group.go(function* () {
                most = Math.max(most, ++active)
                yield* yieldNow()
                active--
                ran++
              })
            }
            expect(ran).toBeGreaterThanOrEqual(1015)
            yield* group.wait()
            expect([ran, active]).toEqual([1025, 0])
            expect(most).toBeLessThanOrEqual(10)
          },
          { seed },
        )
      }),
      { numRuns: 20 },
    ))

  it('EG5: a go that gives up starts nothing, and the next one gets the place', () =>
    bubble(function* () {
      const group = new Group({ limit: 1 })
      const ran: string[] = []
      yield* group.go(() => sleep(10))
      const callers = ['first', 'second'].map((name) =>
        go(function* () {
          yield* group.go(() => ran.push(name))
        }),
      )
      yield* waitIdle()
      callers[0]?.cancel()
      yield* group.wait()
      expect(ran).toEqual(['second'])
    }))

  it('EG6: to change the limit while tasks run is fatal', async () => {
    const crashes: unknown[] = []
    await run(
      function* () {
        const group = new Group()
        yield* group.go(task, undefined)
        yield* group.go(task, undefined)
        expect(() => group.setLimit(3)).toThrow(FatalError)
        yield* group.wait()
        group.setLimit(3)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    const message = 'errgroup: modify limit while 2 goroutines in the group are still active'
    expect(crashes).toMatchObject([{ message }])
  })

  it('EG6: a negative limit is none', () =>
    run(function* () {
      const group = new Group({ limit: -1 })
      for (let i = 0; i < 1000; i++) expect(group.tryGo(task, undefined)).toBe(true)
      yield* group.wait()
      expect(() => group.setLimit(0.5)).toThrow(ArgumentError)
      expect(() => new Group({ limit: Number.NaN })).toThrow(ArgumentError)
    }))

  it('EG7: what a task throws is an error: the others go on, wait throws it', () =>
    run(function* () {
      const group = new Group()
      let wentOn = false
      yield* group.go(task, e1)
      yield* group.go(function* () {
        yield* yieldNow()
        wentOn = true
      })
      expect(yield* errorOf(group)).toBe(e1)
      expect(wentOn).toBe(true)
    }))

  it('EG7: a FatalError of a task ends the process', async () => {
    const crashes: unknown[] = []
    const broken = new FatalError('broken')
    await run(
      function* () {
        const group = new Group()
        yield* group.go(task, broken)
        expect(yield* errorOf(group)).toBe(broken)
      },
      { onCrash: (error) => crashes.push(error) },
    )
    expect(crashes).toEqual([broken])
  })

  it('EG8: a tryGo right after wait finds the places free', () =>
    run(function* () {
      const group = new Group({ limit: 1 })
      for (let i = 0; i < 100; i++) {
        expect(group.tryGo(() => yieldNow())).toBe(true)
        yield* group.wait()
      }
    }))

  it('waits for tasks that exit by goexit, and passes arguments to functions of each kind', () =>
    run(function* () {
      const group = new Group()
      const ran: string[] = []
      yield* group.go(function* (name: string) {
        ran.push(name)
        yield* goexit()
      }, 'generator')
      yield* group.go(async (name: string) => ran.push(name), 'async')
      yield* group.go((name: string) => ran.push(name), 'plain')
      yield* group.wait()
      expect(ran.sort()).toEqual(['async', 'generator', 'plain'])
    }))
})

function* task(error: Error | undefined) {
  if (error !== undefined) throw error
}

function* errorOf(group: Group) {
  try {
    yield* group.wait()
    return undefined
  } catch (error) {
    return error
  }
}
