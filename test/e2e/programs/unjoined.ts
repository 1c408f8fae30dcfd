/** A goroutine fails and nobody joins it. */
import { go, main, sleep } from 'sluice'

main(function* () {
  go(function* failing() {
    yield* sleep(1)
    throw new Error('boom')
  })
  yield* sleep(60_000)
})
