/** Tasks for the tests of what threads share to wait for each other: worker threads load this module outside the test runner. */
import { go, type Routine, select, yieldNow } from 'sluice'
import { background, DeadlineExceeded, withTimeout } from 'sluice/context'
import { type SharedChan, task } from 'sluice/parallel'
import { AtomicInt } from '../../src/parallel/atomic-int.js'
import { SharedMutex } from '../../src/parallel/shared-mutex.js'
import { SharedSemaphore } from '../../src/parallel/shared-semaphore.js'
import { SharedWaitGroup } from '../../src/parallel/shared-wait-group.js'

// ---- AtomicInt

export const addTo = task(import.meta.url, 'addTo', (value: AtomicInt, times: number) => {
  for (let i = 0; i < times; i++) value.add(1)
})
export const give = task(import.meta.url, 'give', <T>(value: T): T => value)
export const make = task(import.meta.url, 'make', (kind: 'int' | 'mutex' | 'semaphore' | 'group') => {
  if (kind === 'int') return new AtomicInt(42)
  if (kind === 'mutex') return lockedMutex()
  if (kind === 'semaphore') return new SharedSemaphore(3)
  const group = new SharedWaitGroup()
  group.add(1)
  return group
})

function lockedMutex(): SharedMutex {
  const mu = new SharedMutex()
  mu.tryLock()
  return mu
}

// ---- SharedMutex

/** Adds by what would be wrong without the lock; it gives its turn away in the middle now and then. */
export const addUnder = task(
  import.meta.url,
  'addUnder',
  function* (mu: SharedMutex, value: AtomicInt, times: number): Routine<void> {
    for (let i = 0; i < times; i++) {
      using _ = yield* mu.lock()
      const before = value.load()
      if (i % 16 === 0) yield* yieldNow()
      value.store(before + 1)
    }
  },
)
export const tryLock = task(import.meta.url, 'tryLock', (mu: SharedMutex) => mu.tryLock())
export const unlock = task(import.meta.url, 'unlock', (mu: SharedMutex) => mu.unlock())
export const lockAndTell = task(
  import.meta.url,
  'lockAndTell',
  function* (mu: SharedMutex, order: SharedChan<string>, name: string): Routine<void> {
    using _ = yield* mu.lock()
    yield* order.send(name)
  },
)
/** Two goroutines that lock in turn, again and again, so that one of this thread always waits, until they are told to stop. */
export const hammer = task(
  import.meta.url,
  'hammer',
  function* (mu: SharedMutex, times: AtomicInt, stop: AtomicInt): Routine<void> {
    const both = [1, 2].map(() =>
      go(function* () {
        while (stop.load() === 0) {
          using _ = yield* mu.lock()
          times.add(1)
          yield* yieldNow()
        }
      }),
    )
    for (const g of both) yield* g
  },
)
export const startAndLock = task(
  import.meta.url,
  'startAndLock',
  function* (mu: SharedMutex, started: AtomicInt): Routine<void> {
    started.store(1)
    using _ = yield* mu.lock()
  },
)
export const dieWithMutex = task(
  import.meta.url,
  'dieWithMutex',
  function* (mu: SharedMutex, ready: AtomicInt, until: SharedChan<number>): Routine<void> {
    yield* mu.lock()
    ready.store(1)
    yield* until.recv()
    process.exit(3)
  },
)

/** A select that another thread may commit while a mutex is its other case. */
export const sendOrLock = task(
  import.meta.url,
  'sendOrLock',
  function* (
    mu: SharedMutex,
    out: SharedChan<number>,
    times: number,
  ): Routine<{ sent: number; locked: number }> {
    let sent = 0
    let locked = 0
    for (let i = 0; i < times; i++) {
      const chosen =
        i % 2 === 0 ? { sent: out.send(1), lock: mu.lock() } : { lock: mu.lock(), sent: out.send(1) }
      const { key, value } = yield* select(chosen)
      if (key === 'sent') sent++
      else {
        locked++
        if (i % 3 === 0) yield* yieldNow()
        value[Symbol.dispose]()
      }
    }
    return { sent, locked }
  },
)

// ---- SharedSemaphore

/** Takes and gives back; `most` is the most permits that were out at a time. */
export const usePermits = task(
  import.meta.url,
  'usePermits',
  function* (
    slots: SharedSemaphore,
    out: AtomicInt,
    most: AtomicInt,
    permits: number,
    times: number,
  ): Routine<void> {
    for (let i = 0; i < times; i++) {
      using _ = yield* slots.acquire(permits)
      const now = out.add(permits) + permits
      for (let seen = most.load(); seen < now; seen = most.load()) most.compareExchange(seen, now)
      if (i % 8 === 0) yield* yieldNow()
      out.sub(permits)
    }
  },
)
export const acquire = task(
  import.meta.url,
  'acquire',
  function* (slots: SharedSemaphore, permits: number): Routine<void> {
    yield* slots.acquire(permits)
  },
)
export const tryAcquire = task(import.meta.url, 'tryAcquire', (slots: SharedSemaphore, permits: number) =>
  slots.tryAcquire(permits),
)
export const release = task(import.meta.url, 'release', (slots: SharedSemaphore, permits: number) =>
  slots.release(permits),
)
/** Small requests without end, more than there are permits, until they are told to stop. */
export const keepAcquiring = task(
  import.meta.url,
  'keepAcquiring',
  function* (slots: SharedSemaphore, times: AtomicInt, stop: AtomicInt): Routine<void> {
    const all = Array.from({ length: slots.size + 1 }, () =>
      go(function* () {
        while (stop.load() === 0) {
          using _ = yield* slots.acquire(1)
          times.add(1)
          yield* yieldNow()
        }
      }),
    )
    for (const g of all) yield* g
  },
)
export const dieWithPermits = task(
  import.meta.url,
  'dieWithPermits',
  function* (
    slots: SharedSemaphore,
    permits: number,
    ready: AtomicInt,
    until: SharedChan<number>,
  ): Routine<void> {
    yield* slots.acquire(permits)
    ready.store(1)
    yield* until.recv()
    process.exit(3)
  },
)

// ---- SharedWaitGroup

export const finish = task(
  import.meta.url,
  'finish',
  function* (group: SharedWaitGroup, results: AtomicInt): Routine<void> {
    yield* yieldNow()
    results.add(1)
    group.done()
  },
)
export const passBarrier = task(
  import.meta.url,
  'passBarrier',
  function* (arrived: SharedWaitGroup, released: SharedWaitGroup, exited: SharedChan<number>): Routine<void> {
    arrived.done()
    yield* released.wait()
    yield* exited.send(1)
  },
)
export const dieWithGroup = task(
  import.meta.url,
  'dieWithGroup',
  function* (group: SharedWaitGroup, ready: AtomicInt, until: SharedChan<number>): Routine<void> {
    group.done()
    ready.store(1)
    yield* until.recv()
    process.exit(3)
  },
)
export const waitFor = task(
  import.meta.url,
  'waitFor',
  function* (group: SharedWaitGroup, started: AtomicInt): Routine<void> {
    started.add(1)
    yield* group.wait()
  },
)

// ---- giving up

/** Locks for no longer than a moment; gives how often it could. */
export const lockImpatiently = task(
  import.meta.url,
  'lockImpatiently',
  function* (mu: SharedMutex, inside: AtomicInt, times: number): Routine<number> {
    let locked = 0
    for (let i = 0; i < times; i++) {
      try {
        using _ = yield* mu.lock().within(withTimeout(background(), i % 3))
        if (inside.add(1) !== 0) throw new Error('there are two inside')
        if (i % 4 === 0) yield* yieldNow()
        inside.sub(1)
        locked++
      } catch (error) {
        if (!(error instanceof DeadlineExceeded)) throw error
      }
    }
    return locked
  },
)
export const useImpatiently = task(
  import.meta.url,
  'useImpatiently',
  function* (
    slots: SharedSemaphore,
    out: AtomicInt,
    most: AtomicInt,
    permits: number,
    times: number,
  ): Routine<void> {
    for (let i = 0; i < times; i++) {
      try {
        using _ = yield* slots.acquire(permits).within(withTimeout(background(), i % 3))
        const now = out.add(permits) + permits
        for (let seen = most.load(); seen < now; seen = most.load()) most.compareExchange(seen, now)
        if (i % 4 === 0) yield* yieldNow()
        out.sub(permits)
      } catch (error) {
        if (!(error instanceof DeadlineExceeded)) throw error
      }
    }
  },
)
