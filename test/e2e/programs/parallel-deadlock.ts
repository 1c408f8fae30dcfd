// The main goroutine waits for a task that waits for ever: nothing on any thread can wake anybody.
import { main, type Routine } from 'sluice'
import { procs, type SharedChan, sharedChan, task } from 'sluice/parallel'

export const waitsForEver = task(
  import.meta.url,
  'waitsForEver',
  function* waitsForEver(input: SharedChan<number>): Routine<void> {
    yield* input.recv()
  },
)

main(function* () {
  procs(2)
  yield* waitsForEver.on(1)(sharedChan<number>())
})
