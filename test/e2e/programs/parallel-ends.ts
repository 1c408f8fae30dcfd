/** Ends in one of the ways a program can, while its worker threads are busy, asleep or parked. */
import { main, type Routine, select, sleep } from 'sluice'
import { procs, task } from 'sluice/parallel'

const [how = '', state = ''] = process.argv.slice(2)
const long = 20_000

const begin = {
  busy: task(import.meta.url, 'busy', () => {
    const untilMs = performance.now() + long
    while (performance.now() < untilMs);
  }),
  asleep: task(import.meta.url, 'asleep', function* (): Routine<void> {
    yield* sleep(long)
  }),
}
const parked = task(import.meta.url, 'parked', () => undefined)

main(function* (ctx) {
  procs(3)
  for (const p of [1, 2]) {
    yield* parked.on(p)()
    if (state === 'busy' || state === 'asleep')
      begin[state]
        .on(p)()
        .then(undefined, () => undefined)
  }
  yield* sleep(50)
  console.log('ready')
  if (how === 'throws') throw new TypeError('broken')
  if (how === 'exits') process.exit(3)
  // With a timer: a signal alone, which may never come, does not keep a process going.
  if (how === 'signal') yield* select({ quit: ctx.done(), late: sleep(long) })
})
