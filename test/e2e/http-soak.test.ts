import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { cleanUp, start } from './processes.js'

const soak = fileURLToPath(new URL('../soak/http-soak.ts', import.meta.url))

afterEach(cleanUp, 30_000)

it('200,000 requests beside 1,000 idle connections leave the memory as it was', {
  timeout: 120_000,
}, async () => {
  const args = ['--import', 'tsx', soak, '--requests', '200000', '--idle', '1000']
  const { code, stdout, stderr } = await start(process.execPath, args).ended
  expect(stderr).toBe('')
  expect(stdout).toMatch(/\nsteady\n$/)
  expect(code).toBe(0)
})
