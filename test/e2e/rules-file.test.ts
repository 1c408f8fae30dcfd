import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { cleanUp, newFolder, program } from './processes.js'

afterEach(cleanUp, 30_000)

it('a program ends though it watches a file of rules', async () => {
  const path = join(newFolder(), 'rules.yaml')
  writeFileSync(path, 'a: { breaker: {} }\n')
  expect(await program('rules-file', [path]).ended).toMatchObject({ code: 0, stdout: 'ready\n', stderr: '' })
})

it('a program has the rules within a second that another process writes, and keeps them while those are wrong', async () => {
  const path = join(newFolder(), 'rules.json')
  writeFileSync(path, '{}')
  const running = program('rules-file', [path, 'wait'], { stdio: ['pipe', 'pipe', 'pipe'] })
  await running.until(/ready/)
  const began = performance.now()
  writeFileSync(`${path}.new`, '{"a": {"breaker": {}}}')
  renameSync(`${path}.new`, path)
  await running.until(/version 2/)
  expect(performance.now() - began).toBeLessThan(1000)
  writeFileSync(path, '{"a": {"breaker": {"sleepWindowMs": -1}}}')
  await running.until(/\/a\/breaker\/sleepWindowMs: must be above 0, not -1/)
  running.child.stdin?.end()
  expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
})

it('a program ends with the error of one who is told of a change, which has been made', async () => {
  const path = join(newFolder(), 'rules.json')
  writeFileSync(path, '{}')
  const { code, stdout, stderr } = await program('rules-file', [path, 'throw']).ended
  expect(code).toBe(1)
  expect(stdout).toContain('version 2')
  expect(stderr).toContain('a listener broke')
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ b: { breaker: {} } })
})
