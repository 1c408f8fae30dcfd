import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

async function example(name: string): Promise<string> {
  const command = ['--import', 'tsx', `examples/${name}.ts`]
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root })
  return stdout
}

describe('npm start', () => {
  it('runs a load test against the demo server, prints the report and what to try next', async () => {
    const command = ['--import', 'tsx', 'examples/start.ts']
    const env = { ...process.env, SLUICE_START_DURATION: '1s' }
    const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root, env })
    for (const text of ['Success rate: 100.00%', ' responses', 'What to try next'])
      expect(stdout).toContain(text)
  })
})

describe('an example', () => {
  it('dispatch: does every job, and its producer waits for room', async () => {
    const output = await example('dispatch')
    expect(output).toContain('200 of 200 jobs done by 8 workers')
    expect(output).toMatch(/had to wait \d+ times for room in a queue of 10/)
  })

  it('worker-pool: gives results in order, the failure in its place', async () => {
    const lines = (await example('worker-pool')).trim().split('\n')
    expect(lines).toHaveLength(10)
    expect(lines[6]).toBe('6 -> 36')
    expect(lines[7]).toBe('7 -> RangeError: seven is refused')
  })

  it('density: starts ten thousand, a hundred thousand and a million goroutines', async () => {
    const output = await example('density')
    for (const count of ['10,000', '100,000', '1,000,000']) expect(output).toContain(`'${count}'`)
  })
})
