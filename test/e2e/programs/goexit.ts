/** Root exits; the others finish, and then nobody is left to end the program. */
import { go, goexit, main, sleep } from 'sluice'

main(function* () {
  go(function* other() {
    yield* sleep(20)
    console.log('the other has finished')
  })
  try {
    yield* goexit()
  } finally {
    console.log('deferred')
  }
})
