/** `npm run drill -- overload`: what guard rails are worth when things go wrong, under real load. */
import { linkSluice } from '../build.js'
import { outage } from './outage.js'
import { overload } from './overload.js'

const drills = new Map([
  ['overload', overload],
  ['outage', outage],
])
const [name = ''] = process.argv.slice(2)
const drill = drills.get(name)
if (drill === undefined) {
  console.error(`drill: name one of ${[...drills.keys()].join(', ')}, as in \`npm run drill -- overload\``)
  process.exitCode = 2
} else {
  linkSluice()
  console.log(await drill())
}
