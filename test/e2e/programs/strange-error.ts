/** An error whose message starts goroutines and waits, or throws, when a report asks for it. */
import { go, main, yieldNow } from 'sluice'

class Strange extends Error {
  override get message(): string {
    if (process.argv[2] === 'throws') throw new Error('the message of the message')
    go(() => yieldNow())
    return 'strange message'
  }
}

main(function* () {
  yield* yieldNow()
  throw new Strange()
})
