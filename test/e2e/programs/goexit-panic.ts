/** What is deferred throws while the goroutine exits: caught inside for `recovered`, not caught otherwise. */
import { goexit, main } from 'sluice'

const recovered = process.argv[2] === 'recovered'

main(function* () {
  try {
    yield* goexit()
  } finally {
    try {
      // biome-ignore lint/correctness/noUnsafeFinally: the case is about it.
      throw new Error('hello')
    } catch (error) {
      // biome-ignore lint/correctness/noUnsafeFinally: the case is about it.
      if (!recovered) throw error
    }
  }
  console.log('went on after goexit')
})
