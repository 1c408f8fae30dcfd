/** A `yield*` is missing; the program waits a little afterwards, or not at all. */
import { chan, main, sleep } from 'sluice'

main(function* () {
  const ch = chan<number>(1)
  ch.send(1)
  if (process.argv[2] === 'waits') yield* sleep(5)
})
