import { type Chan, chan, go, type Operation, type Routine, run, select, sleep } from 'sluice'
import { TaskPool } from 'sluice/flow'
import { Semaphore } from 'sluice/sync'
import type { Received, Subject, SubjectChan, SubjectTask } from './subject.js'

const channels = new WeakMap<SubjectChan, Chan<unknown>>()

function subjectChan(capacity: number): SubjectChan {
  const ch = chan<unknown>(capacity)
  const wrapper: SubjectChan = {
    send: async (value) => await ch.send(value),
    recv: async () => received(await ch.next()),
    trySend: (value) => ch.trySend(value),
    tryRecv: () => {
      const r = ch.tryRecv()
      return r && received(r)
    },
    close: () => ch.close(),
    length: () => ch.length,
  }
  channels.set(wrapper, ch)
  return wrapper
}

function received({ value, done }: IteratorResult<unknown, undefined>): Received {
  return { value, done: done === true }
}

function* perform({ afterMs, value, error, started, ended }: SubjectTask): Routine<unknown> {
  started?.()
  try {
    yield* sleep(afterMs)
    if (error !== undefined) throw error
    return value
  } finally {
    ended?.()
  }
}

export const subject: Subject = {
  name: 'sluice',
  kinds: { rendezvous: true, bounded: true },
  chan: subjectChan,
  select: async (cases) => {
    const operations = cases.map((each): Operation<unknown> | undefined =>
      'recv' in each ? channels.get(each.recv)?.next() : channels.get(each.send)?.send(each.value),
    )
    const { key, value } = await select(Object.fromEntries(operations.entries()))
    const isReceive = 'recv' in (cases[Number(key)] ?? {})
    return {
      index: Number(key),
      ...(isReceive && { received: received(value as IteratorResult<unknown, undefined>) }),
    }
  },
  semaphore: (permits) => {
    const semaphore = new Semaphore(permits)
    return {
      acquire: async (n) => void (await semaphore.acquire(n)),
      tryAcquire: (n) => semaphore.tryAcquire(n),
      release: (n) => semaphore.release(n),
    }
  },
  forEver: (cleanup) => {
    const g = go(function* () {
      try {
        yield* chan().recv()
      } finally {
        cleanup()
      }
    })
    return async () => {
      g.cancel()
      await g.outcome()
    }
  },
  all: (tasks, limit = Infinity) =>
    run(function* () {
      const pool = new TaskPool({ onError: 'cancel', limit })
      for (const task of tasks) yield* pool.go(perform, task)
      return yield* pool.wait()
    }),
  sleep: async (ms) => await sleep(ms),
}
