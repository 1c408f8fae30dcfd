import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const inputs = 500_000

/** Fails with the input and the seed where a request is read in two ways. */
async function fuzz(seed: number): Promise<string> {
  const args = ['--import', 'tsx', 'test/http/fuzz.ts', '--inputs', String(inputs), '--seed', String(seed)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
  return stdout
}

it('a million damaged requests are read in one way only, however they are split', {
  timeout: 180_000,
}, async () => {
  const seed = Date.now() % 2 ** 31
  const halves = await Promise.all([fuzz(seed), fuzz(seed + 1)])
  for (const said of halves) {
    const [, outcomes] = /^500000 inputs, (\d+) outcomes/m.exec(said) ?? []
    expect(Number(outcomes)).toBeGreaterThan(10_000)
    for (const end of ['between', 'closed', 'incomplete', '400', '417', '431', '501', '505'])
      expect(said).toMatch(new RegExp(`\\b${end}\\b`))
  }
})
