/** Tasks for the tests of src/parallel: worker threads load this module outside the test runner. */
import { type Routine, sleep } from 'sluice'
import { task } from 'sluice/parallel'

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
