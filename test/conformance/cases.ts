import { strict as assert } from 'node:assert'
import type { Received, Subject, SubjectChan, SubjectSemaphore } from './subject.js'

/** A numbered case of Go's behaviour that can be asked of any library that has the parts. */
export interface ConformanceCase {
  readonly id: string
  readonly title: string
  /** What the library has to have; where it has not, the case does not apply to it. */
  readonly needs: readonly Need[]
  run(subject: Required<Subject>): Promise<void>
}

type Need =
  | 'chan'
  | 'rendezvous'
  | 'bounded'
  | 'close'
  | 'try'
  | 'select'
  | 'semaphore'
  | 'trySemaphore'
  | 'forEver'
  | 'all'
  | 'limit'
  | 'sleep'

/** Whether `subject` has all that a case needs. */
export function applies(subject: Subject, { needs }: ConformanceCase): boolean {
  return needs.every((need) => has[need](subject))
}

const has: Record<Need, (subject: Subject) => boolean> = {
  chan: ({ chan }) => chan !== undefined,
  rendezvous: ({ kinds }) => kinds?.rendezvous === true,
  bounded: ({ kinds }) => kinds?.bounded === true,
  close: ({ chan }) => chan?.(1).close !== undefined,
  try: ({ chan }) => chan?.(1).trySend !== undefined,
  select: ({ select }) => select !== undefined,
  semaphore: ({ semaphore }) => semaphore !== undefined,
  trySemaphore: ({ semaphore }) => semaphore?.(1).tryAcquire !== undefined,
  forEver: ({ forEver }) => forEver !== undefined,
  all: ({ all }) => all !== undefined,
  limit: ({ all }) => (all?.length ?? 0) > 1 || all?.toString().includes('limit') === true,
  sleep: ({ sleep }) => sleep !== undefined,
}

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Whether a wait has ended by now. */
function watched<T>(promise: Promise<T>): { ended: boolean; failed: boolean; promise: Promise<T> } {
  const state = { ended: false, failed: false, promise }
  promise.then(
    () => (state.ended = true),
    () => (state.ended = state.failed = true),
  )
  return state
}

const value = (v: unknown): Received => ({ value: v, done: false })
const end: Received = { value: undefined, done: true }

async function fill(ch: SubjectChan, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await ch.send(i)
}

async function assertFails(attempt: () => unknown): Promise<void> {
  await assert.rejects(async () => await attempt())
}

const channelCases: ConformanceCase[] = [
  {
    id: 'CH1',
    title: 'receivers wait on an empty channel, and two sends release exactly two',
    needs: ['chan'],
    async run({ chan }) {
      const ch = chan(2)
      const receivers = [ch.recv(), ch.recv(), ch.recv()].map(watched)
      await settle()
      assert.deepEqual(
        receivers.map((r) => r.ended),
        [false, false, false],
      )
      await ch.send(1)
      await ch.send(2)
      await settle()
      assert.deepEqual(
        receivers.map((r) => r.ended),
        [true, true, false],
      )
    },
  },
  {
    id: 'CH2',
    title: 'a sender waits on a full channel until a value is received',
    needs: ['chan', 'bounded'],
    async run({ chan }) {
      const ch = chan(2)
      await fill(ch, 2)
      const sender = watched(ch.send(2))
      await settle()
      assert.equal(sender.ended, false)
      assert.deepEqual(await ch.recv(), value(0))
      await settle()
      assert.equal(sender.ended, true)
    },
  },
  {
    id: 'CH3',
    title: 'after close, what is buffered comes in order, then the end for ever',
    needs: ['chan', 'close'],
    async run({ chan }) {
      const ch = chan(3)
      await fill(ch, 3)
      await ch.close?.()
      for (const expected of [value(0), value(1), value(2), end, end])
        assert.deepEqual(await ch.recv(), expected)
    },
  },
  {
    id: 'CH4',
    title: 'close wakes a waiting receiver with the end',
    needs: ['chan', 'close'],
    async run({ chan }) {
      const ch = chan(1)
      const receiver = ch.recv()
      await settle()
      await ch.close?.()
      assert.deepEqual(await receiver, end)
    },
  },
  {
    id: 'CH5',
    title: 'values arrive in the order in which they were sent',
    needs: ['chan'],
    async run({ chan }) {
      const ch = chan(10)
      void fill(ch, 100)
      for (let i = 0; i < 100; i++) assert.deepEqual(await ch.recv(), value(i))
    },
  },
  {
    id: 'CH6',
    title: 'four senders and four receivers neither lose nor double a value',
    needs: ['chan'],
    async run({ chan }) {
      const ch = chan(1)
      const counts = new Map<unknown, number>()
      const receive = async () => {
        for (let i = 0; i < 200; i++) {
          const { value: v } = await ch.recv()
          counts.set(v, (counts.get(v) ?? 0) + 1)
        }
      }
      await Promise.all([0, 1, 2, 3].flatMap(() => [fill(ch, 200), receive()]))
      assert.equal(counts.size, 200)
      assert.deepEqual(new Set(counts.values()), new Set([4]))
    },
  },
  {
    id: 'CH9',
    title: 'a receive of a closed channel is ready, again and again',
    needs: ['chan', 'close', 'try'],
    async run({ chan }) {
      const ch = chan(1)
      await ch.close?.()
      for (let i = 0; i < 3; i++) assert.deepEqual(ch.tryRecv?.(), end)
    },
  },
  {
    id: 'CH10',
    title: 'a send on a closed channel fails, and its value is gone',
    needs: ['chan', 'close'],
    async run({ chan }) {
      const ch = chan(1)
      await ch.close?.()
      await assertFails(() => ch.send(1))
      assert.deepEqual(await ch.recv(), end)
    },
  },
  {
    id: 'CH11',
    title: 'closing again fails',
    needs: ['chan', 'close'],
    async run({ chan }) {
      const ch = chan(1)
      await ch.close?.()
      await assertFails(() => ch.close?.())
    },
  },
  {
    id: 'CH14',
    title: 'close fails every waiting sender and delivers none of their values',
    needs: ['chan', 'bounded', 'close'],
    async run({ chan }) {
      const ch = chan(1)
      await ch.send('buffered')
      const senders = [ch.send('late'), ch.send('late')].map(watched)
      await settle()
      await ch.close?.()
      await settle()
      assert.deepEqual(
        senders.map((s) => s.failed),
        [true, true],
      )
      assert.deepEqual(await ch.recv(), value('buffered'))
      assert.deepEqual(await ch.recv(), end)
    },
  },
  {
    id: 'CH15',
    title: 'a receive from a full channel takes the head and moves the waiting sender to the tail',
    needs: ['chan', 'bounded'],
    async run({ chan }) {
      const ch = chan(2)
      await fill(ch, 2)
      void ch.send(2)
      await settle()
      for (const v of [0, 1, 2]) assert.deepEqual(await ch.recv(), value(v))
    },
  },
  {
    id: 'CH16',
    title: 'a send to a waiting receiver leaves nothing in the buffer',
    needs: ['chan', 'bounded'],
    async run({ chan }) {
      const ch = chan(3)
      const receiver = ch.recv()
      await settle()
      await ch.send(7)
      assert.deepEqual(await receiver, value(7))
      assert.equal(ch.length?.(), 0)
    },
  },
  {
    id: 'CH17',
    title: 'a send without buffer waits for its receiver',
    needs: ['chan', 'rendezvous'],
    async run({ chan }) {
      const ch = chan(0)
      const sender = watched(ch.send(1))
      await settle()
      assert.equal(sender.ended, false)
      assert.deepEqual(await ch.recv(), value(1))
      await settle()
      assert.equal(sender.ended, true)
    },
  },
  {
    id: 'CH19',
    title: 'a try transfers the exact value when the other side waits, and nothing otherwise',
    needs: ['chan', 'try'],
    async run({ chan }) {
      const ch = chan(1)
      assert.equal(ch.tryRecv?.(), undefined)
      const receiver = ch.recv()
      await settle()
      assert.equal(ch.trySend?.('x'), true)
      assert.deepEqual(await receiver, value('x'))
    },
  },
  {
    id: 'CH26',
    title: 'undefined and null pass as values, and are not the end',
    needs: ['chan', 'close'],
    async run({ chan }) {
      const ch = chan(2)
      await ch.send(undefined)
      await ch.send(null)
      await ch.close?.()
      for (const expected of [value(undefined), value(null), end]) assert.deepEqual(await ch.recv(), expected)
    },
  },
]

const selectCases: ConformanceCase[] = [
  {
    id: 'SE4',
    title: 'a select does not meet itself',
    needs: ['chan', 'rendezvous', 'select'],
    async run({ chan, select }) {
      const ch = chan(0)
      const waiting = watched(select([{ send: ch, value: 1 }, { recv: ch }]))
      await settle()
      assert.equal(waiting.ended, false)
    },
  },
  {
    id: 'SE6',
    title: 'a select chooses fairly among those that are ready',
    needs: ['chan', 'bounded', 'select'],
    async run({ chan, select }) {
      const [a, b] = [chan(1), chan(1)]
      let first = 0
      const trials = 2000
      await a.send(1)
      await b.send(1)
      for (let i = 0; i < trials; i++) {
        const { index } = await select([{ recv: a }, { recv: b }])
        if (index === 0) first++
        await (index === 0 ? a : b).send(1)
      }
      assert.ok(
        Math.abs(first / trials - 0.5) < 0.06,
        `the first of two was chosen in ${(first / trials) * 100} %`,
      )
    },
  },
  {
    id: 'SE8',
    title: 'a select that was served leaves all other channels',
    needs: ['chan', 'rendezvous', 'select'],
    async run({ chan, select }) {
      const [c, d] = [chan(0), chan(0)]
      const selecting = select([{ recv: c }, { recv: d }])
      await settle()
      await d.send(1)
      assert.equal((await selecting).index, 1)
      const receiver = c.recv()
      await settle()
      await c.send(2)
      assert.deepEqual(await receiver, value(2))
    },
  },
  {
    id: 'SE10',
    title: 'a select does exactly one of its cases',
    needs: ['chan', 'bounded', 'select'],
    async run({ chan, select }) {
      const [a, b] = [chan(100), chan(100)]
      for (let i = 0; i < 50; i++) {
        await select([
          { send: a, value: i },
          { send: b, value: i },
        ])
      }
      assert.equal((a.length?.() ?? 0) + (b.length?.() ?? 0), 50)
    },
  },
  {
    id: 'SE15',
    title: 'a closed channel is ready to receive from',
    needs: ['chan', 'close', 'select'],
    async run({ chan, select }) {
      const [closed, idle] = [chan(1), chan(1)]
      await closed.close?.()
      const { index, received } = await select([{ recv: idle }, { recv: closed }])
      assert.deepEqual([index, received], [1, end])
    },
  },
  {
    id: 'SE19',
    title: 'close wakes a waiting select with the end',
    needs: ['chan', 'close', 'select'],
    async run({ chan, select }) {
      const [a, b] = [chan(1), chan(1)]
      const selecting = select([{ recv: a }, { recv: b }])
      await settle()
      await b.close?.()
      const { index, received } = await selecting
      assert.deepEqual([index, received], [1, end])
    },
  },
  {
    id: 'SE20',
    title: 'selects leave nothing behind in a channel that is never ready',
    needs: ['chan', 'bounded', 'select'],
    async run({ chan, select }) {
      const [busy, idle] = [chan(1), chan(1)]
      for (let i = 0; i < 100; i++) {
        const selecting = select([{ recv: idle }, { recv: busy }])
        await settle()
        await busy.send(i)
        await selecting
      }
      await idle.send('for nobody')
      await settle()
      assert.equal(idle.length?.(), 1)
    },
  },
]

async function order(semaphore: SubjectSemaphore, requests: readonly number[]): Promise<number[]> {
  const granted: number[] = []
  for (const n of requests) void semaphore.acquire(n).then(() => granted.push(n))
  await settle()
  return granted
}

const otherCases: ConformanceCase[] = [
  {
    id: 'SM1',
    title: 'permits come back and are given out again',
    needs: ['semaphore'],
    async run({ semaphore }) {
      const s = semaphore(2)
      await s.acquire(2)
      const waiting = watched(s.acquire(1))
      await settle()
      assert.equal(waiting.ended, false)
      s.release(2)
      await settle()
      assert.equal(waiting.ended, true)
    },
  },
  {
    id: 'SM2',
    title: 'giving back more than was taken fails',
    needs: ['semaphore'],
    async run({ semaphore }) {
      await assertFails(() => semaphore(1).release(1))
    },
  },
  {
    id: 'SM3',
    title: 'a try takes what is free and nothing else',
    needs: ['trySemaphore'],
    async run({ semaphore }) {
      const s = semaphore(2)
      assert.deepEqual(
        [s.tryAcquire?.(1), s.tryAcquire?.(2), s.tryAcquire?.(1), s.tryAcquire?.(1)],
        [true, false, true, false],
      )
    },
  },
  {
    id: 'SM5',
    title: 'a request that can never be met does not hold back others',
    needs: ['semaphore'],
    async run({ semaphore }) {
      assert.deepEqual(await order(semaphore(2), [3, 1]), [1])
    },
  },
  {
    id: 'SM6',
    title: 'small requests do not pass a large one that waits',
    needs: ['semaphore'],
    async run({ semaphore }) {
      const s = semaphore(3)
      await s.acquire(1)
      assert.deepEqual(await order(s, [3, 1]), [])
      s.release(1)
      await settle()
      const later = watched(s.acquire(1))
      await settle()
      assert.equal(later.ended, false)
    },
  },
  {
    id: 'CN1',
    title: 'the error of one task comes out of the wait for all',
    needs: ['all'],
    async run({ all }) {
      const error = new Error('boom')
      await assert.rejects(all([{ afterMs: 1, error }, { afterMs: 2 }]), /boom/)
    },
  },
  {
    id: 'CN3',
    title: 'a task that fails cancels the others, whose cleanup has run when the error comes out',
    needs: ['all'],
    async run({ all }) {
      let cleaned = 0
      const slow = { afterMs: 60_000, ended: () => cleaned++ }
      await assert.rejects(all([slow, slow, { afterMs: 5, error: new Error('boom') }]))
      assert.equal(cleaned, 2)
    },
  },
  {
    id: 'CN5',
    title: 'results come in the order of submission',
    needs: ['all'],
    async run({ all }) {
      const tasks = [6, 2, 4].map((ms) => ({ afterMs: ms, value: ms }))
      assert.deepEqual(await all(tasks), [6, 2, 4])
    },
  },
  {
    id: 'EG5',
    title: 'no more tasks run at once than the limit allows',
    needs: ['all', 'limit'],
    async run({ all }) {
      let [running, most] = [0, 0]
      const started = () => (most = Math.max(most, ++running))
      await all(
        Array.from({ length: 20 }, () => ({ afterMs: 1, started, ended: () => running-- })),
        3,
      )
      assert.equal(most, 3)
    },
  },
  {
    id: 'RT4',
    title: 'a task that is stopped from outside runs its cleanup first',
    needs: ['forEver'],
    async run({ forEver }) {
      let cleaned = false
      const cancel = forEver(() => (cleaned = true))
      await settle()
      await cancel()
      assert.equal(cleaned, true)
    },
  },
  {
    id: 'TM1',
    title: 'a sleep is never early',
    needs: ['sleep'],
    async run({ sleep }) {
      for (let i = 0; i < 20; i++) {
        const startedMs = performance.now()
        await sleep(3)
        const passedMs = performance.now() - startedMs
        assert.ok(passedMs >= 3, `3 ms took ${passedMs.toFixed(3)} ms`)
      }
    },
  },
  {
    id: 'TM4',
    title: 'timers fire in the order of their deadlines',
    needs: ['sleep'],
    async run({ sleep }) {
      const fired: number[] = []
      await Promise.all([30, 10, 20].map((ms) => sleep(ms).then(() => fired.push(ms))))
      assert.deepEqual(fired, [10, 20, 30])
    },
  },
  {
    id: 'TM5',
    title: 'a sleep of 25 days does not end at once',
    needs: ['sleep'],
    async run({ sleep }) {
      const long = watched(sleep(2 ** 31 + 1))
      await sleep(20)
      assert.equal(long.ended, false)
    },
  },
  {
    id: 'TM6',
    title: 'sleeps of zero do not hang',
    needs: ['sleep'],
    async run({ sleep }) {
      for (let i = 0; i < 100; i++) await sleep(0)
    },
  },
]

export const cases: readonly ConformanceCase[] = [...channelCases, ...selectCases, ...otherCases]
