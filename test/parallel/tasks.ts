/** Tasks for the tests of src/parallel: worker threads load this module outside the test runner. */
import { type Routine, sleep } from 'sluice'
import { type SharedChan, task } from 'sluice/parallel'

export const add = task(import.meta.url, 'add', (a: number, b: number) => a + b)
export const fail = task(import.meta.url, 'fail', (message: string) => {
  throw new RangeError(message)
})
export const slow = task(import.meta.url, 'slow', function* (ms: number): Routine<string> {
  yield* sleep(ms)
  return 'slept'
})
export const later = task(import.meta.url, 'later', async (value: string) => {
  await Promise.resolve()
  return value.toUpperCase()
})
export const burn = task(import.meta.url, 'burn', (ms: number) => {
  const until = performance.now() + ms
  while (performance.now() < until);
  return ms
})
export const exit = task(import.meta.url, 'exit', (code: number) => {
  process.exit(code)
})
export const echo = task(import.meta.url, 'echo', (value: unknown) => value)

export const produce = task(
  import.meta.url,
  'produce',
  function* (out: SharedChan<number>, from: number, count: number): Routine<number> {
    for (let i = 0; i < count; i++) yield* out.send(from + i)
    return count
  },
)
export const consume = task(import.meta.url, 'consume', function* (input: SharedChan<number>): Routine<{
  count: number
  sum: number
}> {
  let count = 0
  let sum = 0
  for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) {
    count++
    sum += r.value
  }
  return { count, sum }
})
export const pong = task(
  import.meta.url,
  'pong',
  function* (there: SharedChan<number>, back: SharedChan<number>): Routine<void> {
    for (let v = yield* there.recv(); v !== undefined; v = yield* there.recv()) yield* back.send(v)
    back.close()
  },
)
