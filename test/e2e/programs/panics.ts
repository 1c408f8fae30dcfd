/** An error, and what is thrown by those that clean up behind it. */
import { go, main, yieldNow } from 'sluice'

const throwing = (text: string): Disposable => ({
  [Symbol.dispose]() {
    throw new Error(text)
  },
})

main(function* () {
  go(function* sleeper() {
    yield* yieldNow()
  })
  using _outer = throwing('third')
  using _inner = throwing('second')
  throw new Error('first')
})
