import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { cleanUp, start } from './processes.js'

const evenness = fileURLToPath(new URL('../soak/accept-evenness.ts', import.meta.url))

afterEach(cleanUp, 30_000)

it('each of 2 and 4 threads of serve and listen gets some of the connections', {
  timeout: 120_000,
}, async () => {
  const args = ['--import', 'tsx', evenness, '--connections', '500', '--open', '300']
  const { code, stdout, stderr } = await start(process.execPath, args).ended
  expect(stderr).toBe('')
  expect(code).toBe(0)
  // A burst is over in some milliseconds, in which one of the threads may not have had its turn.
  const lines = [...stdout.matchAll(/^(\w+ \d) (in turn|under load) +worst ([\d.]+) /gm)]
  const servers = ['serve 2', 'serve 4', 'listen 2', 'listen 4']
  expect(lines.map(([, server]) => server)).toEqual(servers.flatMap((each) => [each, each]))
  expect(lines.every(([, , , worst]) => Number(worst) > 0)).toBe(true)
})
