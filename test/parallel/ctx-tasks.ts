/** Tasks about contexts and threads, for the tests. */
import { go, type Routine, schedStats, select, sleep } from 'sluice'
import { type Context, contextKey } from 'sluice/context'
import { lockOSThread, registerContextKey, task, unlockOSThread } from 'sluice/parallel'
import { threadId } from 'node:worker_threads'
import { add } from './tasks.js'

export const user = contextKey<string>('user')
registerContextKey(user)

export const untilDone = task(import.meta.url, 'untilDone', function* (ctx: Context): Routine<string> {
  yield* select({ quit: ctx.done(), late: sleep(5000) })
  return `${ctx.err} because ${ctx.cause}`
})
export const sleepsOn = task(import.meta.url, 'sleepsOn', function* (_ctx: Context): Routine<string> {
  yield* sleep(5000)
  return 'slept'
})
export const whoIs = task(import.meta.url, 'whoIs', (ctx: Context) => ctx.value(user))
export const spinsUntil = task(import.meta.url, 'spinsUntil', (ctx: Context) => {
  const until = performance.now() + 3000
  while (ctx.err === undefined && performance.now() < until);
  return String(ctx.err)
})
export const thread = task(import.meta.url, 'thread', () => threadId)
export const spoils = task(import.meta.url, 'spoils', function* (): Routine<number> {
  lockOSThread()
  yield* sleep(1)
  return threadId
})
export const nested = task(import.meta.url, 'nested', function* (n: number): Routine<number> {
  const calls = Array.from({ length: n }, (_, i) => go(add, i, 1))
  let sum = 0
  for (const call of calls) sum += yield* call
  return sum
})
export const stuck = task(import.meta.url, 'stuck', function* (): Routine<void> {
  yield* select({})
})
/** Uses memory until there is none. */
export const hoard = task(import.meta.url, 'hoard', () => {
  const kept: unknown[] = []
  for (;;) kept.push(Array.from({ length: 1000 }, (_, i) => ({ i })))
})
/** Locks its thread twice and unlocks it twice, with time for others to begin in between. */
export const locksTwice = task(import.meta.url, 'locksTwice', function* (): Routine<string[]> {
  const begun = () => (schedStats().processors[1]?.taken ?? 0) - before
  lockOSThread()
  lockOSThread()
  const before = (schedStats().processors[1]?.taken ?? 0) - 1
  unlockOSThread()
  yield* sleep(30)
  const seen = `one lock is left: ${begun()} begun`
  unlockOSThread()
  return [seen, 'none is left']
})
export const echo = task(import.meta.url, 'echo', (value: unknown) => value)
export const later = task(import.meta.url, 'later', async (value: string) => {
  await Promise.resolve()
  return value.toUpperCase()
})
export const slowest = task(import.meta.url, 'slowest', function* (ms: number): Routine<number> {
  yield* sleep(ms)
  return ms
})
export const failAt = task(import.meta.url, 'failAt', (n: number) => {
  if (n === 2) throw new Error('at 2')
  return n
})
/** In which order tasks ran on this thread. */
export const order: number[] = []
export const note = task(import.meta.url, 'note', (n: number) => {
  order.push(n)
})
