/** All goroutines wait, but a timer, a socket or a promise of the host can still wake one. */
import { createServer } from 'node:net'
import { main, sleep, wait } from 'sluice'
import { withTimeout } from 'sluice/context'

main(function* (ctx) {
  const what = process.argv[2]
  if (what === 'sleep') yield* sleep(50)
  if (what === 'context') yield* withTimeout(ctx, 50).done()
  if (what === 'promise') yield* wait(import('node:fs/promises').then((fs) => fs.readdir('.')))
  if (what === 'server') {
    const server = createServer().listen(0)
    const told = new Promise((resolve) => process.once('SIGUSR2', resolve))
    console.log('ready')
    yield* wait(told)
    server.close()
  }
  console.log('woken')
})
