/**
 * A program whose rules are the file of its argument. With `wait` it lives until its standard input ends, with `throw` one who
 * is told of a change throws; otherwise only the watch of the file is left, which must not keep it.
 */
import { rules } from '../../../src/resilience/rules/rules.js'

const [path = '', what] = process.argv.slice(2)
const all = await rules(path)
all.watch((event) => {
  console.log(event.what === 'changed' ? `version ${event.version.version}` : event.error.message)
})
console.log('ready')
if (what === 'wait') process.stdin.resume()
if (what === 'throw') {
  all.watch(() => {
    throw new RangeError('a listener broke')
  })
  const { version } = await all.patch({ b: { breaker: {} } })
  console.log(`patched to ${version}`)
  process.stdin.resume()
}
