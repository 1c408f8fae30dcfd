import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArgumentError, run, sleep } from 'sluice'
import { procs, stopProcs } from 'sluice/parallel'
import { echo, failAt, later, slowest } from '../../test/parallel/ctx-tasks.js'

beforeAll(() => {
  procs(2)
})
afterAll(() => stopProcs())

function* count(to: number, asked: { most: number }): Generator<number> {
  for (let i = 0; i < to; i++) {
    asked.most = i + 1
    yield i
  }
}

describe('map', () => {
  it('gives the results in the order of the items, whichever call ends first', () =>
    run(function* () {
      const out = slowest.map([20, 1, 10, 0, 5], { window: 5 })
      const got: unknown[] = []
      for (let r = yield* out.next(); r.done !== true; r = yield* out.next()) got.push(r.value)
      expect(got).toEqual([20, 1, 10, 0, 5])
      expect(yield* out.recv()).toBe(undefined)
    }))

  it('takes no more items than the window has room for', () =>
    run(function* () {
      const asked = { most: 0 }
      const out = echo.map(count(100, asked), { window: 4 })
      expect(asked.most).toBe(0) // nothing before the first result is asked for
      expect(yield* out.recv()).toBe(0)
      yield* sleep(20)
      expect(asked.most).toBe(5)
      for (let i = 1; i < 100; i++) expect(yield* out.recv()).toBe(i)
      expect(yield* out.recv()).toBe(undefined)
    }))

  it('reads from an async iterable, and can be read in async code', async () => {
    async function* letters() {
      yield 'a'
      await Promise.resolve()
      yield 'b'
    }
    const got: string[] = []
    for await (const value of later.map(letters())) got.push(value)
    expect(got).toEqual(['A', 'B'])
  })

  it('ends with the first error, in its place', () =>
    run(function* () {
      const out = failAt.map([0, 1, 2, 3, 4, 5], { window: 3 })
      expect(yield* out.recv()).toBe(0)
      expect(yield* out.recv()).toBe(1)
      let message = ''
      try {
        yield* out.recv()
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).toBe('at 2')
      expect(yield* out.next()).toEqual({ done: true, value: undefined })
    }))

  it('passes on what the items throw', () =>
    run(function* () {
      function* broken() {
        yield 1
        throw new Error('no more')
      }
      const out = echo.map(broken())
      expect(yield* out.recv()).toBe(1)
      let message = ''
      try {
        yield* out.recv()
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).toBe('no more')
    }))

  it('stops the items when it is left early', () =>
    run(function* () {
      let stopped = false
      function* endless() {
        try {
          for (let i = 0; ; i++) yield i
        } finally {
          stopped = true
        }
      }
      {
        using out = echo.map(endless())
        expect(yield* out.recv()).toBe(0)
      }
      expect(stopped).toBe(true)
    }))

  it('refuses a window of nothing, and what is no iterable', () => {
    expect(() => echo.map([1], { window: 0 })).toThrow(ArgumentError)
    expect(() => echo.map(5 as never)).toThrow('map() needs something to iterate over, not 5')
  })
})
