/** Tasks for src/parallel/shared-chan.test.ts, and for the stress program. */
import { setImmediate as turn } from 'node:timers/promises'
import {
  type Chan,
  chan,
  go,
  type Operation,
  type Routine,
  RuntimeError,
  select,
  sleep,
  yieldNow,
} from 'sluice'
import { background, withTimeout } from 'sluice/context'
import { type SharedChan, sharedChan, task } from 'sluice/parallel'
import { thisProcessor } from '../../src/parallel/current.js'
import { numbers } from './thread-tasks.js'

function count(at: number): void {
  Atomics.add(thisProcessor().memory.words, at, 1)
}

/** Sends whole numbers from `from` on. */
export const produce = task(
  import.meta.url,
  'produce',
  function* (out: SharedChan<number>, from: number, total: number): Routine<void> {
    for (let i = 0; i < total; i++) yield* out.send(from + i)
  },
)

/** Receives until the end, and counts each value in shared memory. */
export const consume = task(
  import.meta.url,
  'consume',
  function* (input: SharedChan<number>, at: number): Routine<number> {
    let total = 0
    for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) {
      count(at + r.value)
      total++
    }
    return total
  },
)

/** Receives until the end, and gives the values in their order. */
export const collect = task(import.meta.url, 'collect', function* (input: SharedChan<unknown>): Routine<
  unknown[]
> {
  const values: unknown[] = []
  for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) values.push(r.value)
  return values
})

/** Sends values, one after the other; `begun` counts those whose send was started. */
export const sendEach = task(
  import.meta.url,
  'sendEach',
  function* (out: SharedChan<unknown>, values: unknown[]): Routine<void> {
    for (const value of values) yield* out.send(value)
  },
)

/** One receive, as an iterator result; counts that it is about to wait. */
export const receiveOne = task(
  import.meta.url,
  'receiveOne',
  function* (input: SharedChan<unknown>, at: number): Routine<IteratorResult<unknown, undefined>> {
    count(at)
    return yield* input.next()
  },
)
export const sendOne = task(
  import.meta.url,
  'sendOne',
  function* (out: SharedChan<unknown>, value: unknown, at: number): Routine<string> {
    count(at)
    yield* out.send(value)
    return 'sent'
  },
)
export const closeIt = task(import.meta.url, 'closeIt', (channel: SharedChan<unknown>) => channel.close())
export const tries = task(import.meta.url, 'tries', (channel: SharedChan<unknown>, value: unknown) => ({
  sent: attempt(() => channel.trySend(value)),
  received: attempt(() => channel.tryRecv()),
  length: channel.length,
  capacity: channel.capacity,
}))
function attempt<T>(what: () => T): T | string {
  try {
    return what()
  } catch (error) {
    return error instanceof RuntimeError ? `RuntimeError: ${error.message}` : String(error)
  }
}

/** Answers each request on the channel that came with it. */
export const serve = task(
  import.meta.url,
  'serve',
  function* (requests: SharedChan<{ n: number; answer: SharedChan<number> }>): Routine<number> {
    let served = 0
    for (let r = yield* requests.next(); r.done !== true; r = yield* requests.next()) {
      yield* r.value.answer.send(r.value.n * r.value.n)
      served++
    }
    return served
  },
)
/** Makes a channel here, and gives it away. */
export const makeChannel = task(import.meta.url, 'makeChannel', (capacity: number) =>
  sharedChan<number>(capacity),
)

/** What one thread of a race saw: values that it sent for sure, and values that it received. */
export interface Seen {
  readonly sent: number[]
  readonly received: number[]
  /** Per case, how often it was chosen. */
  readonly chosen: Record<string, number>
}

/**
 * Selects again and again among shared and local channels, until `quit` is closed. A value is `from` + its number, so that no
 * two threads send the same.
 */
export const mix = task(
  import.meta.url,
  'mix',
  function* (
    shared: readonly SharedChan<number>[],
    quit: SharedChan<number>,
    from: number,
    seed: number,
  ): Routine<Seen> {
    const random = numbers(seed)
    const seen = { sent: [] as number[], received: [] as number[], chosen: {} as Record<string, number> }
    const local = chan<number>(seed % 2)
    const there = chan<number>()
    const ends = chan<void>()
    go(feed, local, there, ends)
    let localSent = 0
    let localReceived = 0
    for (let next = from; ; ) {
      const cases: Record<string, Operation<unknown>> = { quit: quit.recv() }
      const values: Record<string, number> = {}
      for (const [i, channel] of shared.entries()) {
        const kinds = random(4)
        if (kinds !== 0) {
          values[`send ${i}`] = next
          cases[`send ${i}`] = channel.send(next++)
        }
        if (kinds !== 1) cases[`recv ${i}`] = channel.recv()
      }
      if (random(3) === 0) cases['local'] = local.recv()
      if (random(3) === 0) cases['there'] = there.send(1)
      if (random(4) === 0) yield* yieldNow()
      const { key, value } = yield* select(cases)
      seen.chosen[key] = (seen.chosen[key] ?? 0) + 1
      if (key === 'quit') break
      if (key.startsWith('send')) seen.sent.push(values[key] as number)
      else if (key.startsWith('recv')) seen.received.push(value as number)
      else if (key === 'local') localReceived += value as number
      else localSent++
    }
    ends.close()
    const { gave, got } = yield* feeders.get(local) as Operation<{ gave: number; got: number }>
    if (gave !== localReceived || got !== localSent)
      throw new Error(
        `local: ${gave} were sent, ${localReceived} received; ${localSent} sent, ${got} received`,
      )
    return seen
  },
)

const feeders = new WeakMap<object, Operation<{ gave: number; got: number }>>()

/** The other end of two local channels. */
function* feed(local: Chan<number>, there: Chan<number>, ends: Chan<void>): Routine<void> {
  const tell = chan<{ gave: number; got: number }>(1)
  feeders.set(local, tell.recv() as Operation<{ gave: number; got: number }>)
  let gave = 0
  let got = 0
  for (let i = 1; ; i++) {
    const { key } = yield* select({ give: local.send(1), get: there.recv(), ends: ends.recv() })
    if (key === 'ends') break
    if (key === 'give') gave++
    else got++
    if (i % 3 === 0) yield* yieldNow()
    if (i % 50 === 0) yield* sleep(0)
  }
  // What lies in the buffer was not received.
  for (let left = local.tryRecv(); left !== undefined; left = local.tryRecv()) gave--
  yield* tell.send({ gave, got })
}

/** Sends, or receives, with a context that may end at any moment; until `quit` is closed. */
export const fickle = task(
  import.meta.url,
  'fickle',
  async (
    channel: SharedChan<number>,
    quit: SharedChan<number>,
    sends: boolean,
    from: number,
    seed: number,
  ) => {
    const random = numbers(seed)
    const seen = { sent: [] as number[], received: [] as number[], chosen: { given: 0, up: 0 } }
    for (let next = from; quit.tryRecv() === undefined; next++) {
      const ctx = withTimeout(background(), random(3) / 4)
      try {
        if (sends) {
          await channel.send(next).within(ctx)
          seen.sent.push(next)
        } else seen.received.push((await channel.recv().within(ctx)) as number)
        seen.chosen.given++
      } catch {
        seen.chosen.up++
      }
      ctx.cancel()
      if (random(8) === 0) await turn()
    }
    return seen
  },
)

/** Goroutines that are canceled while they send or receive. */
export const canceling = task(
  import.meta.url,
  'canceling',
  function* (
    channel: SharedChan<number>,
    quit: SharedChan<number>,
    sends: boolean,
    from: number,
    seed: number,
  ): Routine<Seen> {
    const random = numbers(seed)
    const seen = { sent: [] as number[], received: [] as number[], chosen: { given: 0, up: 0 } }
    for (let next = from; quit.tryRecv() === undefined; next++) {
      const value = next
      const g = go(function* (): Routine<void> {
        if (sends) {
          yield* channel.send(value)
          seen.sent.push(value)
        } else seen.received.push((yield* channel.recv()) as number)
      })
      for (let turns = random(4); turns > 0; turns--) yield* random(2) === 0 ? yieldNow() : sleep(0)
      g.cancel()
      const outcome = yield* g.outcome()
      if ('error' in outcome) seen.chosen.up++
      else seen.chosen.given++
    }
    return seen
  },
)

/** Sends until the channel is closed, and gives what was sent for sure. */
export const sendUntilClosed = task(
  import.meta.url,
  'sendUntilClosed',
  function* (channel: SharedChan<number>, from: number): Routine<Seen> {
    const seen = { sent: [] as number[], received: [], chosen: {} }
    for (let next = from; ; next++) {
      try {
        yield* channel.send(next)
      } catch (error) {
        if (!(error instanceof RuntimeError) || error.message !== 'send on closed channel') throw error
        return seen
      }
      seen.sent.push(next)
    }
  },
)
export const receiveUntilClosed = task(
  import.meta.url,
  'receiveUntilClosed',
  function* (channel: SharedChan<number>): Routine<Seen> {
    const seen = { sent: [], received: [] as number[], chosen: {} }
    for (let r = yield* channel.next(); r.done !== true; r = yield* channel.next())
      seen.received.push(r.value)
    return seen
  },
)

/** SE3: `rounds` times whichever is possible of sending `mine` and receiving, on one channel; how often it got its own. */
export const selfSelect = task(
  import.meta.url,
  'selfSelect',
  function* (
    channel: SharedChan<number>,
    mine: number,
    rounds: number,
  ): Routine<{ own: number; received: number }> {
    let own = 0
    let received = 0
    for (let i = 0; i < rounds; i++) {
      const r = yield* select({ send: channel.send(mine), recv: channel.recv() })
      if (r.key !== 'recv') continue
      received++
      if (r.value === mine) own++
    }
    return { own, received }
  },
)

/** SE10: sends each number on one of the channels, whichever takes it. */
export const doubleSelect = task(
  import.meta.url,
  'doubleSelect',
  function* (outs: readonly SharedChan<number>[], total: number): Routine<void> {
    for (let i = 0; i < total; i++) {
      const cases = Object.fromEntries(outs.map((out, k) => [`c${k}`, out.send(i)]))
      yield* select(cases)
    }
    for (const out of outs) out.close()
  },
)

/** SE8, SE19: a select of receives; which case, and its value. */
export const selectReceive = task(
  import.meta.url,
  'selectReceive',
  function* (
    channels: Record<string, SharedChan<unknown>>,
    at: number,
  ): Routine<{ key: string; value: unknown }> {
    const cases = Object.fromEntries(Object.entries(channels).map(([key, channel]) => [key, channel.recv()]))
    // One of them twice.
    cases['again'] = (Object.values(channels)[0] as SharedChan<unknown>).recv()
    count(at)
    const { key, value } = yield* select(cases)
    return { key: key === 'again' ? (Object.keys(channels)[0] as string) : key, value }
  },
)
export const selectSend = task(
  import.meta.url,
  'selectSend',
  function* (channels: readonly SharedChan<unknown>[], value: unknown, at: number): Routine<string> {
    count(at)
    return (yield* select(Object.fromEntries(channels.map((channel, i) => [`c${i}`, channel.send(value)]))))
      .key
  },
)
