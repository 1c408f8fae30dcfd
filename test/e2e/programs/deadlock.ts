/** Root and another goroutine wait for each other: nobody can ever go on. */
import { chan, go, main } from 'sluice'

main(function* () {
  const ch = chan<number>()
  go(function* waiter() {
    yield* ch.recv()
  })
  yield* chan<number>().send(1)
})
