import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Canceled, go, type Goroutine, type Routine, run, select, sleep } from 'sluice'
import { background, DeadlineExceeded, withCancel, withTimeout } from 'sluice/context'
import { move, NotCarriedError, procs, stopProcs, task } from 'sluice/parallel'
import {
  abandonPosted,
  arity,
  double,
  echo,
  fail,
  fanOut,
  fibonacci,
  forgetRejection,
  giveFunction,
  increment,
  lengthOf,
  meet,
  nothing,
  outstanding,
  rejectLater,
  rest,
  shareWith,
  spinUntil,
  sumOf,
  tally,
  throwNothing,
  waitForCancel,
  where,
} from '../../test/parallel/call-tasks.js'
import { allocate } from './heap.js'
import { thisProcessor } from './current.js'

beforeAll(() => {
  procs(4)
})
afterAll(() => stopProcs())

/** Counts in shared memory, all 0, by address. */
function counters(count: number): number {
  const { memory, machine } = thisProcessor()
  const at = allocate(memory, machine, count * 4)
  memory.words.fill(0, at, at + count)
  return at
}

const read = (at: number) => Atomics.load(thisProcessor().memory.words, at)
const open = (gate: number) => Atomics.store(thisProcessor().memory.words, gate, 1)

/** Goes on when a count has come about. */
async function until(isSo: () => boolean): Promise<void> {
  const untilMs = performance.now() + 8000
  while (!isSo()) {
    if (performance.now() > untilMs) throw new Error('it did not come about')
    await delay(1)
  }
}

function failureOf(call: PromiseLike<unknown>): PromiseLike<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** This thread's slots that are in use; 0 when all calls have come back. */
const slotsInUse = () => thisProcessor().calls.outstanding

describe('a call of a task', () => {
  it('gives what its function returns', async () => {
    expect(await double(21)).toBe(42)
    expect(await nothing()).toBe(undefined)
    expect(await rest(5)).toBe('rested')
    expect(await arity()).toBe(0)
    expect(await arity(1, undefined, null)).toBe(3)
  })

  it.each([
    ['numbers', [0, -0, Number.NaN, 2 ** 60, -1.5]],
    ['a bigint', -(10n ** 40n)],
    [
      'an object with nested data',
      { a: [{ b: new Map([['k', new Set([1, 'x'])]]) }], d: new Date(7), u: undefined },
    ],
    ['bytes', new Uint8Array([1, 2, 3])],
    ['a string of all kinds of characters', 'a\0é€😀'],
  ])('carries %s there and back', async (_, value) => {
    expect(await echo(value)).toEqual(value)
  })

  it.each([100, 500, 5_000, 1_000_000, 30_000_000])('carries a string of %i characters', async (length) => {
    const text = `${'x'.repeat(length - 1)}!`
    const back = (await echo(text)) as string
    expect(back === text).toBe(true)
  })

  it('throws what its function throws, with its class, message and the stack of its thread', async () => {
    const error = await failureOf(fail('no good'))
    expect(error).toBeInstanceOf(RangeError)
    expect(error).toMatchObject({ message: 'no good', stack: expect.stringMatching(/failDeepInside/) })
  })

  it('throws what the promise of its function is rejected with', async () => {
    for (let i = 0; i < 12; i++) {
      await delay(i) // the worker is found asleep, or awake
      expect(await failureOf(rejectLater.on(i % 4)('later'))).toEqual(new TypeError('later'))
    }
  })

  it('can throw undefined', async () => {
    const outcome = await Promise.resolve(throwNothing()).then(
      () => 'returned',
      (error: unknown) => [error],
    )
    expect(outcome).toEqual([undefined])
  })

  it('can be caught in a goroutine', async () => {
    const caught = await run(function* (): Routine<unknown> {
      try {
        yield* fail('in vain')
        return 'returned'
      } catch (error) {
        return error
      }
    })
    expect(caught).toEqual(new RangeError('in vain'))
  })

  it('refuses an argument that cannot cross where it is called, and says where it lies', async () => {
    const calls = slotsInUse()
    const call = echo({ user: { onSave: () => undefined } })
    await expect(call).rejects.toThrow(NotCarriedError)
    await expect(echo({ user: { onSave: () => undefined } })).rejects.toThrow('args[0].user.onSave')
    expect(slotsInUse()).toBe(calls)
  })

  it('says of a result that cannot cross where it lies', async () => {
    await expect(giveFunction()).rejects.toThrow(/result\.fn/)
  })

  it('is run by the processor that is asked for', async () => {
    for (let p = 0; p < 4; p++) for (let i = 0; i < 5; i++) expect(await where.on(p)()).toBe(p)
    for (const p of [-1, 4, 1.5, Number.NaN])
      expect(() => where.on(p)).toThrow(`where.on(${p}): there is no such processor`)
  })

  it('carries memory that is shared, and memory that moves', async () => {
    const shared = new SharedArrayBuffer(4000)
    const words = new Int32Array(shared)
    for (let i = 0; i < 1000; i++) words[i] = i
    expect(await sumOf(shared, 0, 1000)).toBe(499_500)
    const counts = await Promise.all(Array.from({ length: 50 }, () => increment(words)))
    expect(new Set(counts).size).toBe(50)
    const bytes = new ArrayBuffer(1 << 20)
    expect(await lengthOf(move(bytes))).toBe(1 << 20)
    expect(bytes.byteLength).toBe(0)
    expect(slotsInUse()).toBe(0)
  })

  it('carries shared memory from worker to worker', async () => {
    expect(await shareWith.on(1)(2)).toBe(20)
  })

  it('gives its slot back when it is given up while its answer is on the way', async () => {
    const { outstanding } = await abandonPosted.on(1)(300, 2)
    expect(outstanding).toBe(0)
  })

  it('is a case of a select', async () => {
    const selected = await run(function* (): Routine<unknown> {
      return yield* select({ slow: rest(10_000), fast: double(4) })
    })
    expect(selected).toEqual({ key: 'fast', value: 8 })
    await until(() => slotsInUse() === 0)
  })
})

describe('a task that calls tasks', () => {
  it('gets their values', async () => {
    expect(await fibonacci(10)).toBe(55)
  })

  it('may make more calls than there are slots', async () => {
    expect(await fanOut.on(1)(5000, -1)).toBe(4999 * 5000)
    expect(await fanOut.on(1)(3000, 1)).toBe(2999 * 3000)
  })

  it('gets those of other threads that call back', async () => {
    const sums = await Promise.all([1, 2, 3, 1, 2, 3].map((p, i) => fanOut.on(p)(500, 1 + (i % 3))))
    expect(sums).toEqual([1, 2, 3, 4, 5, 6].map(() => 499 * 500))
  })

  it('gets those of one processor that more call than its inbox holds', async () => {
    const [gate, begun] = [counters(1), counters(1)]
    const busy = spinUntil
      .on(1)(begun, gate)
      .then(() => undefined)
    await until(() => read(begun) === 1)
    const all = Promise.all([0, 2, 3].map((p) => fanOut.on(p)(2040, 1)))
    await delay(200)
    open(gate)
    await busy
    const sums = await all
    expect(sums).toEqual([1, 2, 3].map(() => 2039 * 2040))
  })
})

describe('many calls', () => {
  it('are more than there are slots, and all come back', async () => {
    const values = await Promise.all(Array.from({ length: 5000 }, (_, i) => double(i)))
    expect(values).toEqual(Array.from({ length: 5000 }, (_, i) => i * 2))
    expect(slotsInUse()).toBe(0)
  })

  it('are each run once', async () => {
    const total = 20_000
    const at = counters(total)
    const values = await Promise.all(Array.from({ length: total }, (_, i) => tally(at, i, 0)))
    expect(values.every((value, i) => value === i * 3)).toBe(true)
    for (let i = 0; i < total; i++)
      if (read(at + i) !== 1) throw new Error(`${i} was run ${read(at + i)} times`)
  })

  it('fail and succeed, each for itself', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 500 }, (_, i) => (i % 3 === 0 ? fail(`no ${i}`) : double(i))),
    )
    for (const [i, outcome] of outcomes.entries()) {
      if (i % 3 !== 0) expect(outcome).toEqual({ status: 'fulfilled', value: i * 2 })
      else expect(outcome).toMatchObject({ status: 'rejected', reason: { message: `no ${i}` } })
    }
  })

  it('with large values give back all blocks', async () => {
    for (let i = 0; i < 30; i++) {
      const values = await Promise.all(Array.from({ length: 10 }, () => echo('y'.repeat(1 << 20))))
      expect(values.every((value) => (value as string).length === 1 << 20)).toBe(true)
    }
  }, 20_000)
})

describe('parallelism', () => {
  it('RT17: tasks on all processors wait for each other, busily', { timeout: 20_000 }, async () => {
    for (let round = 0; round < 5; round++) {
      const at = counters(1)
      expect(await Promise.all([1, 2, 3].map((p) => meet.on(p)(at, 3)))).toEqual([true, true, true])
    }
  })

  it('RT17: tasks that were given to nobody find all workers', { timeout: 20_000 }, async () => {
    const at = counters(1)
    expect(await Promise.all([1, 2, 3].map(() => meet(at, 3)))).toEqual([true, true, true])
  })
})

describe('a call that is canceled', () => {
  let at = 0
  beforeEach(() => {
    at = counters(4)
  })

  it('stops its goroutine at once, and the task on its thread', async () => {
    await run(function* (): Routine<void> {
      const g: Goroutine<void> = go(function* () {
        yield* waitForCancel(at)
      })
      while (read(at) === 0) yield* sleep(1)
      g.cancel()
      expect((yield* g.outcome()).error).toBeInstanceOf(Canceled)
    }).catch(() => undefined)
    await until(() => read(at + 1) === 1)
    await until(() => slotsInUse() === 0)
  })

  it('by the end of its context throws that, and stops the task on its thread', async () => {
    const ctx = withTimeout(background(), 30)
    await expect(waitForCancel(at).within(ctx)).rejects.toBeInstanceOf(DeadlineExceeded)
    await until(() => read(at + 1) === read(at))
    const other = withCancel(background())
    void delay(5).then(() => other.cancel())
    await expect(waitForCancel(at).within(other)).rejects.toBeInstanceOf(Canceled)
    await until(() => slotsInUse() === 0 && read(at + 1) === read(at))
  })

  it('before it began never runs', async () => {
    const [gate, count] = [at, at + 1]
    const busy = spinUntil
      .on(1)(at + 2, gate)
      .then(() => undefined)
    await until(() => read(at + 2) === 1)
    const ctx = withCancel(background())
    const call = tally
      .on(1)(count, 0, 0)
      .within(ctx)
      .then(undefined, (error: unknown) => error)
    await until(() => slotsInUse() === 2)
    ctx.cancel()
    expect(await call).toBeInstanceOf(Canceled)
    expect(slotsInUse()).toBe(1)
    open(gate)
    await busy
    await double.on(1)(1)
    expect(read(count)).toBe(0)
  })

  it('while it waits for a slot takes none', async () => {
    const gate = at
    const ctx = withCancel(background())
    const busy = Promise.all([1, 2, 3].map((p) => spinUntil.on(p)(at + 1, gate)))
    await until(() => read(at + 1) === 3)
    const queued = Array.from({ length: 2045 }, (_, i) => double.on(1 + (i % 3))(i))
    const all = Promise.all(queued)
    await until(() => slotsInUse() === 2048)
    const late = double(1)
      .within(ctx)
      .then(undefined, (error: unknown) => error)
    await delay(5)
    ctx.cancel()
    expect(await late).toBeInstanceOf(Canceled)
    open(gate)
    await busy
    expect((await all).length).toBe(2045)
    expect(slotsInUse()).toBe(0)
  })

  it('at any moment leaves nothing behind', { timeout: 20_000 }, async () => {
    let canceled = 0
    for (let i = 0; i < 400; i++) {
      const ctx = withCancel(background())
      const calls = Array.from({ length: 5 }, (_, k) => rest(k % 2).within(ctx))
      const all = Promise.allSettled(calls)
      for (let k = 0; k < i % 7; k++) await turn()
      ctx.cancel()
      canceled += (await all).filter(({ status }) => status === 'rejected').length
    }
    expect(canceled).toBeGreaterThan(0)
    await until(() => slotsInUse() === 0)
    expect(await double(3)).toBe(6)
  })
})

describe('with one processor', () => {
  it('tasks run on the main thread, with copies of their arguments', async () => {
    const before = procs(1)
    try {
      const value = { list: [1, 2], shared: new SharedArrayBuffer(4) }
      const back = (await echo(value)) as typeof value
      expect(back.list).toEqual([1, 2])
      expect(back.list === value.list).toBe(false)
      while ((await where()) !== 0); // the workers end what they run
      expect(await outstanding()).toBe(1)
      expect(await fanOut(3000, -1)).toBe(2999 * 3000)
    } finally {
      procs(before)
    }
    expect(await where.on(3)()).toBe(3)
  })
})

describe('the definition of a task', () => {
  it('needs the address of a module, a name and a function', () => {
    const body = () => 1
    expect(() => task('here', 'x', body)).toThrow('task(import.meta.url, name, fn), got here')
    expect(() => task(import.meta.url, '', body)).toThrow('needs a name')
    expect(() => task(import.meta.url, 'a\0b', body)).toThrow('needs a name')
    expect(() => task(import.meta.url, 'x', 7 as unknown as typeof body)).toThrow(
      "task 'x' needs a function, not 7",
    )
  })

  it('is refused for a second function of the same name', () => {
    task(import.meta.url, 'twice', () => 1)
    task(import.meta.url, 'twice', () => 1) // the module was evaluated again
    expect(() => task(import.meta.url, 'twice', () => 2)).toThrow("there are two tasks named 'twice'")
  })

  it('in a file that workers cannot load is told as such, with a remedy', async () => {
    const here = task(import.meta.url, 'here', () => 1)
    await expect(here.on(1)()).rejects.toMatchObject({ code: 'ERR_SLUICE_TASK_NOT_FOUND' })
    void forgetRejection
  })
})
