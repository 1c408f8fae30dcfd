/** A goroutine waits on a channel that nobody else has. */
import { chan, go, main, onLeak, sleep } from 'sluice'

main(function* () {
  let leaked = false
  onLeak((leak) => {
    leaked = true
    console.log(`${leak.name} [${leak.waitReason}] ${leak.createdAt}`)
  })
  const start = () => {
    const ch = chan<number>()
    go(function* forgottenReceiver() {
      yield* ch.recv()
    })
  }
  start()
  for (let i = 0; i < 200 && !leaked; i++) {
    yield* sleep(1)
    global.gc?.()
  }
})
