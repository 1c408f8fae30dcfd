/** Waits for its context, and then does what the argument says. */
import { go, main, sleep } from 'sluice'

main(function* (ctx) {
  console.log('ready')
  go(function* bystander() {
    yield* sleep(60_000)
  })
  const what = process.argv[2]
  if (what === 'ignores') yield* sleep(60_000)
  if (what === 'passes on') yield* sleep(60_000).within(ctx)
  yield* ctx.done()
  console.log(String(ctx.err), '|', String(ctx.cause))
  if (what === 'fails') throw new Error('while shutting down')
  if (what === 'lingers') yield* sleep(60_000)
})
