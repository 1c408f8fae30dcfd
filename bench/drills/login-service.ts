/**
 * A service that lets people log in: it checks a password, which takes 2 ms of the processor, so that it can do a few
 * hundred a second. With the argument `shedder` it refuses what is too much.
 */
import { pbkdf2Sync } from 'node:crypto'
import { main } from 'sluice'
import { guarded, router, serve, text } from 'sluice/http'
import { policy, shedder } from 'sluice/resilience'

const check = (iterations: number) => pbkdf2Sync('correct horse', 'battery staple', iterations, 32, 'sha256')

/** How often to iterate for 2 ms, on this machine. */
function iterationsOf(ms: number): number {
  const trial = 20_000
  let bestMs = Infinity
  for (let round = 0; round < 20; round++) {
    const startMs = performance.now()
    check(trial)
    bestMs = Math.min(bestMs, performance.now() - startMs)
  }
  return Math.round((trial * ms) / bestMs)
}

const iterations = iterationsOf(2)
const app = router()
if (process.argv.includes('shedder')) app.use(guarded(policy(shedder({ name: 'log-in' }))))
app.get('/', function* () {
  return text(check(iterations).toString('hex'))
})

main(function* () {
  const server = serve(app, { port: 0, host: '127.0.0.1' })
  console.log((yield* server.listening()).port)
  yield* server
})
