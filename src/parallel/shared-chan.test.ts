import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RuntimeError, type Routine, run, select, trySelect } from 'sluice'
import { background, withTimeout } from 'sluice/context'
import {
  NotCarriedError,
  OutOfSharedMemory,
  procs,
  type SharedChan,
  sharedChan,
  stopProcs,
} from 'sluice/parallel'
import {
  canceling,
  closeIt,
  collect,
  consume,
  doubleSelect,
  fickle,
  makeChannel,
  mix,
  produce,
  receiveOne,
  receiveUntilClosed,
  type Seen,
  selectReceive,
  selectSend,
  selfSelect,
  sendEach,
  sendOne,
  sendUntilClosed,
  serve,
  tries,
} from '../../test/parallel/channel-tasks.js'
import { allocate, release } from './heap.js'
import { header } from './layout.js'
import { thisProcessor } from './current.js'

beforeAll(() => {
  procs(5)
})
afterAll(() => stopProcs())

function counters(count: number): number {
  const { memory, machine } = thisProcessor()
  const at = allocate(memory, machine, count * 4)
  memory.words.fill(0, at, at + count)
  return at
}
const read = (at: number) => Atomics.load(thisProcessor().memory.words, at)
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)
const capacities = [0, 1, 2, 3, 64]

async function until(isSo: () => boolean): Promise<void> {
  const untilMs = performance.now() + 8000
  while (!isSo()) {
    if (performance.now() > untilMs) throw new Error('it did not come about')
    await delay(1)
  }
}

/** Long enough for who is about to wait to do so; nothing is asserted that depends on it. */
const moment = () => delay(5)

function failureOf(operation: PromiseLike<unknown>): PromiseLike<unknown> {
  return operation.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** What was sent is what was received, each once. */
function agree(all: readonly Seen[], left: readonly number[] = []): void {
  const sent = all.flatMap((seen) => seen.sent).sort((a, b) => a - b)
  const received = [...all.flatMap((seen) => seen.received), ...left].sort((a, b) => a - b)
  expect(new Set(received).size).toBe(received.length)
  const isSent = new Set(sent)
  const isReceived = new Set(received)
  expect({
    lost: sent.filter((value) => !isReceived.has(value)).slice(0, 5),
    ghosts: received.filter((value) => !isSent.has(value)).slice(0, 5),
    count: received.length,
  }).toEqual({ lost: [], ghosts: [], count: sent.length })
}

function drain(channel: SharedChan<number>): number[] {
  const values: number[] = []
  for (let r = channel.tryRecv(); r !== undefined && r.done !== true; r = channel.tryRecv())
    values.push(r.value)
  return values
}

describe('a shared channel', () => {
  it.each(capacities)(
    'CH1 across threads: receivers of an empty channel wait, and two sends release both (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      const at = counters(1)
      const both = Promise.all([receiveOne.on(1)(channel, at), receiveOne.on(2)(channel, at)])
      await until(() => read(at) === 2)
      await moment()
      expect(channel.tryRecv()).toBe(undefined)
      expect(trySelect({ c: channel.recv() })).toBe(undefined)
      await channel.send(1)
      await channel.send(2)
      const values = (await both).map(({ value }) => value)
      expect(values.sort()).toEqual([1, 2])
    },
  )

  it.each(capacities)(
    'CH2 across threads: one more send than there is room waits for a receive (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      const at = counters(1)
      for (let i = 0; i < capacity; i++) await channel.send(i)
      expect(channel.trySend(99)).toBe(false)
      expect(trySelect({ c: channel.send(99) })).toBe(undefined)
      const more = sendOne
        .on(1)(channel, capacity, at)
        .then((how) => how)
      await until(() => read(at) === 1)
      await moment()
      expect(channel.trySend(99)).toBe(false)
      expect(await channel.recv()).toBe(0)
      expect(await more).toBe('sent')
      expect(channel.length).toBe(capacity)
      for (let i = 1; i <= capacity; i++) expect(await channel.recv()).toBe(i)
    },
  )

  it.each(capacities)(
    'CH3 across threads: what was sent before the close arrives in order, then the end for ever (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      for (const i of upTo(capacity)) await channel.send(i)
      channel.close()
      expect(await collect.on(1)(channel)).toEqual(upTo(capacity))
      for (let i = 0; i < 3; i++) {
        expect(await receiveOne.on(2)(channel, counters(1))).toEqual({ done: true, value: undefined })
        expect(await channel.recv()).toBe(undefined)
      }
    },
  )

  it.each(capacities)(
    'CH4 across threads: a close ends all that wait for a value (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      const at = counters(1)
      const waiting = Promise.all([1, 2, 3, 4, 1, 2].map((p) => receiveOne.on(p)(channel, at)))
      await until(() => read(at) === 6)
      await moment()
      await closeIt.on(3)(channel)
      for (const result of await waiting) expect(result).toEqual({ done: true, value: undefined })
    },
  )

  it.each(capacities)(
    'CH5 across threads: one sender and one receiver keep the order (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      const values = collect
        .on(2)(channel)
        .then((values) => values)
      await produce.on(1)(channel, 0, 1000)
      channel.close()
      expect(await values).toEqual(upTo(1000))
    },
  )

  it.each(capacities)(
    'CH6 across threads: four senders of the same 1000 values, four receivers (capacity %i)',
    { timeout: 20_000 },
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      const at = counters(1000)
      const counts = Promise.all([1, 2, 3, 4].map((p) => consume.on(p)(channel, at)))
      await Promise.all([1, 2, 3, 4].map((p) => produce.on(p)(channel, 0, 1000)))
      channel.close()
      expect((await counts).reduce((sum, count) => sum + count)).toBe(4000)
      for (const i of upTo(1000)) expect(read(at + i)).toBe(4)
    },
  )

  it('CH7 across threads: length and capacity are the same on every thread', async () => {
    const channel = sharedChan<number>(10)
    for (const i of [1, 2, 3]) await channel.send(i)
    expect(await tries.on(1)(channel, 4)).toEqual({
      sent: true,
      received: { done: false, value: 1 },
      length: 3,
      capacity: 10,
    })
    expect([channel.length, channel.capacity]).toEqual([3, 10])
    const unbuffered = sharedChan<number>()
    expect([unbuffered.length, unbuffered.capacity]).toEqual([0, 0])
  })

  it('CH8 across threads: a capacity that is none is refused', () => {
    for (const capacity of [-1, 1.5, Number.NaN, 2 ** 21]) {
      expect(() => sharedChan(capacity)).toThrow(RuntimeError)
      expect(() => sharedChan(capacity)).toThrow('makechan: size out of range')
    }
  })

  it.each([0, 1, 4])(
    'CH9 CH10 CH11 CH13 across threads: a closed channel (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      await closeIt.on(1)(channel)
      for (let i = 0; i < 3; i++) {
        expect(await channel.recv()).toBe(undefined)
        expect(channel.tryRecv()).toEqual({ done: true, value: undefined })
        expect(trySelect({ c: channel.recv() })).toEqual({ key: 'c', value: undefined })
        expect(await select({ c: channel.next(), other: sharedChan().recv() })).toMatchObject({
          key: 'c',
          value: { done: true },
        })
        await expect(channel.send(1)).rejects.toThrow(new RuntimeError('send on closed channel'))
        expect(() => channel.trySend(1)).toThrow('send on closed channel')
        expect(() => channel.close()).toThrow(new RuntimeError('close of closed channel'))
        expect(await tries.on(2)(channel, 1)).toMatchObject({
          sent: 'RuntimeError: send on closed channel',
          received: { done: true, value: undefined },
          length: 0,
        })
        await expect(closeIt.on(3)(channel)).rejects.toThrow('close of closed channel')
      }
    },
  )

  it('CH12 across threads: a value in a closed channel comes first', async () => {
    const channel = sharedChan<number>(2)
    await channel.send(1)
    channel.close()
    expect(await receiveOne.on(1)(channel, counters(1))).toEqual({ done: false, value: 1 })
    expect(await receiveOne.on(1)(channel, counters(1))).toEqual({ done: true, value: undefined })
  })

  it.each(capacities)(
    'CH14 across threads: a close fails all that wait to send, and none of their values arrives (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      for (const i of upTo(capacity)) await channel.send(i)
      const at = counters(1)
      const waiting = [1, 2, 3, 4, 1, 0].map((p) => failureOf(sendOne.on(p)(channel, -1, at)))
      await until(() => read(at) === 6)
      await moment()
      channel.close()
      for (const error of await Promise.all(waiting)) {
        expect(error).toBeInstanceOf(RuntimeError)
        expect(error).toMatchObject({ message: 'send on closed channel' })
      }
      expect(await collect.on(1)(channel)).toEqual(upTo(capacity))
    },
  )

  it.each([1, 2, 3, 64])(
    'CH15 across threads: a receive makes room for a send that waits; the order stays (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      for (const i of upTo(capacity)) await channel.send(i)
      const at = counters(1)
      const waits = sendOne
        .on(1)(channel, capacity, at)
        .then((how) => how)
      await until(() => read(at) === 1)
      await moment()
      expect(await channel.recv()).toBe(0)
      expect(await waits).toBe('sent')
      expect(drain(channel)).toEqual(upTo(capacity, 1))
    },
  )

  it('CH16 across threads: a value for a receiver that waits does not stay in the buffer', async () => {
    const channel = sharedChan<number>(3)
    const at = counters(1)
    const received = receiveOne
      .on(1)(channel, at)
      .then((result) => result)
    await until(() => read(at) === 1)
    await moment()
    expect(channel.trySend(5)).toBe(true)
    expect(await received).toEqual({ done: false, value: 5 })
    expect(channel.length).toBe(0)
  })

  it('CH17 across threads: receivers on one thread are served in the order in which they came', async () => {
    const channel = sharedChan<number>()
    const got: [number, unknown][] = []
    const all = upTo(10).map((i) => channel.recv().then((value) => got.push([i, value])))
    await produce.on(1)(channel, 0, 10)
    await Promise.all(all)
    expect(got).toEqual(upTo(10).map((i) => [i, i]))
  })

  it('CH18 across threads: a buffer of 1000 keeps the order', async () => {
    const channel = sharedChan<number>(1000)
    await produce.on(1)(channel, 0, 1000)
    channel.close()
    expect(await collect.on(2)(channel)).toEqual(upTo(1000))
  })

  it.each([0, 1])(
    'CH19 across threads: trying again and again meets one that waits (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<unknown>(capacity)
      for (const value of [1, 'text', { nested: [true] }, undefined, null]) {
        expect(channel.tryRecv()).toBe(undefined)
        const sent = sendOne
          .on(1)(channel, value, counters(1))
          .then((how) => how)
        let result = channel.tryRecv()
        await until(() => {
          result ??= channel.tryRecv()
          return result !== undefined
        })
        expect(result).toEqual({ done: false, value })
        expect(await sent).toBe('sent')
        const received = receiveOne
          .on(2)(channel, counters(1))
          .then((r) => r)
        await until(() => channel.trySend(value))
        expect(await received).toEqual({ done: false, value })
      }
    },
  )

  it('CH25 across threads: channels of channels', async () => {
    const requests = sharedChan<{ n: number; answer: SharedChan<number> }>()
    const served = Promise.all([serve.on(1)(requests), serve.on(2)(requests)])
    const answers = await Promise.all(
      upTo(100).map(async (n) => {
        const answer = sharedChan<number>(n % 2)
        await requests.send({ n, answer })
        return answer.recv()
      }),
    )
    requests.close()
    expect(answers).toEqual(upTo(100).map((n) => n * n))
    expect((await served).reduce((sum, count) => sum + count)).toBe(100)
  })

  it('CH26 across threads: undefined is a value', async () => {
    const channel = sharedChan<unknown>(2)
    await sendEach.on(1)(channel, [undefined, null])
    expect([await channel.next(), await channel.next()]).toEqual([
      { done: false, value: undefined },
      { done: false, value: null },
    ])
  })

  it.each([0, 2])(
    'carries objects with nested data, and values too large for a cell (capacity %i)',
    async (capacity) => {
      const channel = sharedChan<unknown>(capacity)
      const values = [
        { a: [{ b: new Map([['k', { c: 1n }]]) }], d: new Date(5) },
        'x'.repeat(300_000),
        new Uint8Array(100_000).fill(7),
        new RangeError('as a value'),
        upTo(5000),
      ]
      const back = collect
        .on(1)(channel)
        .then((back) => back)
      await sendEach.on(2)(channel, values)
      channel.close()
      expect(await back).toEqual(values)
    },
  )

  it.each([0, 2])('refuses what cannot cross, and stays usable (capacity %i)', async (capacity) => {
    const channel = sharedChan<unknown>(capacity)
    const received = receiveOne
      .on(1)(channel, counters(1))
      .then((r) => r)
    await expect(channel.send({ on: () => 1 })).rejects.toThrow(NotCarriedError)
    await expect(channel.send({ on: () => 1 })).rejects.toThrow('value.on')
    await expect(channel.send(new SharedArrayBuffer(8))).rejects.toThrow('only a message can carry')
    await channel.send('fine')
    expect(await received).toEqual({ done: false, value: 'fine' })
  })

  it('is the same object on one thread, wherever it comes from', async () => {
    const made = await makeChannel.on(1)(3)
    expect(made.capacity).toBe(3)
    const box = sharedChan<SharedChan<number>>(1)
    await box.send(made)
    expect((await box.recv()) === made).toBe(true)
    await produce.on(1)(made, 7, 3)
    expect(drain(made)).toEqual([7, 8, 9])
  })
})

describe('every number of producers and consumers', () => {
  it.each(capacities)(
    'gets every value exactly once (capacity %i)',
    { timeout: 30_000 },
    async (capacity) => {
      const each = 240
      for (const producers of [1, 2, 3, 4])
        for (const consumers of [1, 2, 3, 4]) {
          const channel = sharedChan<number>(capacity)
          const total = producers * each
          const at = counters(total)
          const got = Promise.all(upTo(consumers).map((i) => consume.on(1 + ((i + 1) % 4))(channel, at)))
          await Promise.all(upTo(producers).map((i) => produce.on(1 + (i % 4))(channel, i * each, each)))
          channel.close()
          expect((await got).reduce((sum, count) => sum + count)).toBe(total)
          for (const i of upTo(total))
            if (read(at + i) !== 1) throw new Error(`${i} arrived ${read(at + i)} times`)
          const { memory, machine } = thisProcessor()
          release(memory, machine, at, total * 4)
        }
    },
  )
})

describe('select over shared channels', () => {
  it.each([0, 10])(
    'SE3 across threads: two that send and receive on one channel (capacity %i)',
    { timeout: 20_000 },
    async (capacity) => {
      const rounds = 200
      const channel = sharedChan<number>(capacity)
      const [a, b] = await Promise.all([
        selfSelect.on(1)(channel, 1, rounds),
        selfSelect.on(2)(channel, 2, rounds),
      ])
      if (capacity === 0)
        expect([a?.own, b?.own, (a?.received ?? 0) + (b?.received ?? 0)]).toEqual([0, 0, rounds])
    },
  )

  it('SE3: two of one thread that send and receive on one channel', async () => {
    const channel = sharedChan<number>(0)
    const [a, b] = await Promise.all([selfSelect.on(1)(channel, 1, 500), selfSelect.on(1)(channel, 2, 500)])
    expect([a?.own, b?.own, (a?.received ?? 0) + (b?.received ?? 0)]).toEqual([0, 0, 500])
  })

  it('SE4 across threads: does not meet itself', async () => {
    const channel = sharedChan<number>(0)
    const ctx = withTimeout(background(), 30)
    const alone = select({ send: channel.send(1), recv: channel.recv() }).within(ctx)
    expect(await failureOf(alone)).toBe(ctx.err)
  })

  it('SE8 across threads: one that has chosen waits on none of the others any more', async () => {
    const [c, d] = [sharedChan<number>(), sharedChan<number>()]
    const at = counters(2)
    const selected = selectReceive
      .on(1)({ c, d }, at)
      .then((r) => r)
    await until(() => read(at) === 1)
    await moment()
    const receives = receiveOne
      .on(1)(c, at + 1)
      .then((r) => r)
    await until(() => read(at + 1) === 1)
    await moment()
    await d.send(5)
    expect(await selected).toEqual({ key: 'd', value: 5 })
    await c.send(6)
    expect(await receives).toEqual({ done: false, value: 6 })
  })

  it('SE9 across threads: who waits behind one that has chosen is served', async () => {
    const [c, d] = [sharedChan<number>(), sharedChan<number>()]
    const at = counters(3)
    const first = receiveOne
      .on(2)(c, at)
      .then((r) => r)
    await until(() => read(at) === 1)
    const selected = selectReceive
      .on(1)({ c, d }, at + 1)
      .then((r) => r)
    await until(() => read(at + 1) === 1)
    const last = receiveOne
      .on(3)(c, at + 2)
      .then((r) => r)
    await until(() => read(at + 2) === 1)
    await moment()
    await d.send(1)
    expect(await selected).toEqual({ key: 'd', value: 1 })
    await c.send(2)
    await c.send(3)
    expect([(await first).value, (await last).value].sort()).toEqual([2, 3])
  })

  it('SE10 across threads: a select of sends commits exactly one', async () => {
    const outs = upTo(4).map((i) => sharedChan<number>(i === 3 ? 1 : 0))
    const got = Promise.all(outs.map((out, i) => collect.on(1 + (i % 4))(out)))
    await doubleSelect.on(2)(outs, 2000)
    const values = (await got).flat() as number[]
    expect(values.sort((a, b) => a - b)).toEqual(upTo(2000))
  })

  it('SE15 SE19 across threads: a close ends a select that waits, on both sides', async () => {
    for (const capacity of [0, 1]) {
      const [c, d] = [sharedChan<number>(capacity), sharedChan<number>(capacity)]
      const at = counters(2)
      const received = selectReceive
        .on(1)({ c, d }, at)
        .then((r) => r)
      await until(() => read(at) === 1)
      await moment()
      d.close()
      expect(await received).toEqual({ key: 'd', value: undefined })
      for (let i = 0; i < capacity; i++) await c.send(7)
      const [full, other] = [sharedChan<number>(), sharedChan<number>()]
      const sends = failureOf(selectSend.on(1)([c, full, other], 9, at + 1))
      await until(() => read(at + 1) === 1)
      await moment()
      full.close()
      expect(await sends).toMatchObject({ message: 'send on closed channel' })
      // The offers on the others were taken back.
      expect([drain(c), other.tryRecv()]).toEqual([upTo(capacity).map(() => 7), undefined])
      expect(trySelect({ x: d.recv() })).toEqual({ key: 'x', value: undefined })
      expect(() => trySelect({ x: full.send(1) })).toThrow('send on closed channel')
    }
  })

  it.each([1, 2, 3, 4, 5, 6])(
    'mixing shared and local cases commits exactly one each (seed %i)',
    { timeout: 20_000 },
    async (seed) => {
      const shared = [
        sharedChan<number>(),
        sharedChan<number>(),
        sharedChan<number>(1),
        sharedChan<number>(3),
      ]
      const quit = sharedChan<number>()
      const all = Promise.all(
        [1, 2, 3, 4, 1, 2].map((p, i) => mix.on(p)(shared, quit, (i + 1) * 10_000_000, seed * 100 + i)),
      )
      await delay(500)
      quit.close()
      const seen = await all
      agree(seen, shared.flatMap(drain))
      expect(seen.every(({ sent, received }) => sent.length + received.length > 0)).toBe(true)
    },
  )

  it('mixing cases on the main thread as well', { timeout: 20_000 }, async () => {
    const shared = [sharedChan<number>(), sharedChan<number>(2)]
    const quit = sharedChan<number>()
    const all = Promise.all([0, 1, 0, 2].map((p, i) => mix.on(p)(shared, quit, (i + 1) * 10_000_000, 77 + i)))
    await delay(500)
    quit.close()
    agree(await all, shared.flatMap(drain))
  })
})

describe('races', () => {
  it.each(capacities)(
    'with close: what was sent arrives, what failed does not (capacity %i)',
    { timeout: 20_000 },
    async (capacity) => {
      for (let round = 0; round < 30; round++) {
        const channel = sharedChan<number>(capacity)
        const all = Promise.all([
          ...[1, 2, 3].map((p) => sendUntilClosed.on(p)(channel, p * 10_000_000)),
          ...[2, 3, 4].map((p) => receiveUntilClosed.on(p)(channel)),
        ])
        await delay(round % 6)
        channel.close()
        agree((await all) as Seen[])
      }
    },
  )

  it.each(capacities)(
    'with the end of contexts: a wait that was given up has had no effect (capacity %i)',
    { timeout: 20_000 },
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      const quit = sharedChan<number>()
      const all = Promise.all(
        [1, 2, 3, 4].map((p) => fickle.on(p)(channel, quit, p % 2 === 0, p * 10_000_000, capacity * 10 + p)),
      )
      await delay(500)
      quit.close()
      const seen = await all
      agree(seen, drain(channel))
      expect(seen.every(({ chosen }) => chosen.up > 0)).toBe(true)
    },
  )

  it.each(capacities)(
    'with cancel: a wait that was given up has had no effect (capacity %i)',
    { timeout: 20_000 },
    async (capacity) => {
      const channel = sharedChan<number>(capacity)
      const quit = sharedChan<number>()
      const all = Promise.all(
        [1, 2, 3, 4].map((p) =>
          canceling.on(p)(channel, quit, p % 2 === 0, p * 10_000_000, capacity * 10 + p),
        ),
      )
      await delay(500)
      quit.close()
      agree(await all, drain(channel))
    },
  )
})

describe('the memory of channels', () => {
  const gc = globalThis.gc as () => void
  /** Has the handles that nobody holds be collected. */
  async function settle(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      gc()
      await delay(1)
    }
  }
  const used = () => thisProcessor().memory.words[header.heapNext] as number

  /** Words of the heap that a use takes for good, after a first one. */
  async function growth(use: () => void | Promise<void>): Promise<number> {
    for (let i = 0; i < 3; i++) {
      await use()
      await settle()
    }
    const before = used()
    for (let i = 0; i < 8; i++) {
      await use()
      await settle()
    }
    return used() - before
  }

  it('is free again when nobody holds them', { timeout: 20_000 }, async () => {
    const use = () => {
      for (let i = 0; i < 300; i++) sharedChan(i % 5)
    }
    expect(await growth(use)).toBe(0)
  })

  it('is free again with the values in them', { timeout: 20_000 }, async () => {
    const use = async () => {
      for (let i = 0; i < 20; i++) {
        const channel = sharedChan<unknown>(4)
        await channel.send('x'.repeat(10_000))
        await channel.send({ channel: sharedChan(3) })
      }
    }
    expect(await growth(use)).toBe(0)
  })

  it('is free again after tasks had them', { timeout: 20_000 }, async () => {
    const use = async () => {
      for (let i = 0; i < 30; i++) {
        const channel = sharedChan<number>(i % 3)
        const got = collect
          .on(1)(channel as SharedChan<unknown>)
          .then((got) => got)
        await produce.on(2)(channel, 0, 3)
        channel.close()
        expect(await got).toEqual([0, 1, 2])
      }
    }
    // The workers collect theirs when they need to; what is not collected yet is bounded.
    expect(await growth(use)).toBeLessThan(8 * 30 * 256)
  })

  it('of selects that waited is free again', { timeout: 20_000 }, async () => {
    const [idle, busy] = [sharedChan<number>(), sharedChan<number>(1)]
    const use = () =>
      run(function* (): Routine<void> {
        for (let i = 0; i < 500; i++) {
          const cases = {
            idle: idle.send(i),
            other: idle.recv(),
            busy: i % 2 === 0 ? busy.send(i) : busy.recv(),
          }
          expect((yield* select(cases)).key).toBe('busy')
        }
      })
    expect(await growth(use)).toBe(0)
  })

  it('that is used up fails a send, and nothing else', async () => {
    const { words } = thisProcessor().memory
    const channel = sharedChan<number>()
    const before = words.slice(header.heapNext, header.heapFree + 32)
    words.fill(0, header.heapFree, header.heapFree + 32)
    words[header.heapNext] = 2 ** 30
    try {
      expect(await failureOf(channel.send(1))).toBeInstanceOf(OutOfSharedMemory)
      expect(() => sharedChan()).toThrow(OutOfSharedMemory)
      expect(words[header.procs]).toBe(5)
    } finally {
      words.set(before, header.heapNext)
    }
  })
})
