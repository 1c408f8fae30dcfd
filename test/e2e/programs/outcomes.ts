/** How the root goroutine may end while others still run. */
import { go, main, sleep, yieldNow } from 'sluice'

main(function* () {
  go(function* bystander() {
    yield* sleep(60_000)
  })
  yield* yieldNow()
  const what = process.argv[2]
  if (what === 'throws') throw new TypeError('broken')
  if (what === 'rejects') yield* go(() => Promise.reject(new Error('rejected')))
  console.log('done')
})
