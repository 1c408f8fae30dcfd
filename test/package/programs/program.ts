/** A program as users write it: main() at the top level of a file that has tasks, too. */
import { isMainThread, threadId } from 'node:worker_threads'
import { main } from 'sluice'
import { task } from 'sluice/parallel'
import { later, sizeOf } from './tasks.js'

const half = task(import.meta.url, 'half', (n: number) => n / 2)
const onlyHere = isMainThread ? task(import.meta.url, 'onlyHere', () => 1) : half

main(function* () {
  const { size, thread } = yield* sizeOf.on(1)(1)
  console.log(size, thread === threadId ? 'here' : 'elsewhere')
  console.log(yield* later.on(1)(1))
  const halves = half.map([2, 4, 6])
  for (let n = yield* halves.recv(); n !== undefined; n = yield* halves.recv()) console.log(n)
  try {
    yield* onlyHere.on(1)(1)
  } catch (error) {
    console.log((error as Error).message)
  }
  try {
    yield* half(new URL('file:///') as never)
  } catch (error) {
    console.log((error as Error).message)
  }
})
