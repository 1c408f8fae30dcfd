/** Misuse that Go makes fatal, in a program that catches everything. */
import { go, main } from 'sluice'
import { Mutex } from 'sluice/sync'

const misuses: Record<string, () => void> = {
  unlock: () => new Mutex().unlock(),
  nil: () => go(undefined as unknown as () => void),
}

main(function* () {
  try {
    misuses[process.argv[2] ?? '']?.()
  } catch (error) {
    console.log('caught', error)
  }
  console.log('went on')
})
