import { pbkdf2Sync } from 'node:crypto'
import { threadId } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArgumentError, MisuseError, run } from 'sluice'
import { blocking, procs, stopProcs } from 'sluice/parallel'

beforeAll(() => {
  procs(2)
})
afterAll(() => stopProcs())

describe('blocking', () => {
  it('runs a function of the language, or of a Node module, on another thread', () =>
    run(function* () {
      expect(yield* blocking(JSON.parse, '{"a":[1,2]}')).toEqual({ a: [1, 2] })
      const key = pbkdf2Sync('p', 's', 1000, 32, 'sha256')
      expect(yield* blocking(pbkdf2Sync, 'p', 's', 1000, 32, 'sha256')).toEqual(key)
    }))

  it('runs a function of ours from its source, elsewhere', () =>
    run(function* () {
      const there = yield* blocking(
        () => (process.getBuiltinModule('node:worker_threads') as { threadId: number }).threadId,
      )
      expect(there).not.toBe(threadId)
      expect(yield* blocking((a: number, b: number) => a * b, 6, 7)).toBe(42)
    }))

  it('takes a method written in short form', () =>
    run(function* () {
      const math = {
        double(n: number) {
          return n * 2
        },
      }
      expect(yield* blocking(math.double, 4)).toBe(8)
    }))

  it('says what to do when the function needs something of its module', async () => {
    const outside = 1
    const failed = run(function* () {
      return yield* blocking(() => outside)
    })
    await expect(failed).rejects.toThrow(MisuseError)
    await expect(failed).rejects.toThrow('can be had in a task()')
  })

  it('throws what the function throws', async () => {
    const failed = run(function* () {
      return yield* blocking(JSON.parse, '{')
    })
    await expect(failed).rejects.toThrow(SyntaxError)
  })

  it('refuses a bound function, and what is none', () => {
    expect(() => blocking(Math.max.bind(null, 1))).toThrow(ArgumentError)
    expect(() => blocking(Math.max.bind(null, 1))).toThrow('bound max')
    expect(() => blocking(5 as never)).toThrow('blocking() needs a function, not 5')
  })
})
