/** Tasks about contexts and threads, for the tests. */
import { go, type Routine, select, sleep } from 'sluice'
import { type Context, contextKey } from 'sluice/context'
import { lockOSThread, registerContextKey, task } from 'sluice/parallel'
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
