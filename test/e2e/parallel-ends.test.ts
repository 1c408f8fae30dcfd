import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = fileURLToPath(new URL('programs/parallel-ends.ts', import.meta.url))
/** It takes some 50 ms. This is to find a thread that hangs, not to judge speed. */
const hangMs = 5000

interface Ended {
  readonly code: number | null
  readonly stderr: string
  /** From the last thing the program said, or was told, to the end of its process. */
  readonly tookMs: number
}

/** Runs the program until it ends, with a signal once it is ready if one is given. */
function end(how: string, state: string, signal?: NodeJS.Signals): Promise<Ended> {
  const env = { ...process.env }
  for (const ours of ['NODE_ENV', 'VITEST', 'SLUICE_DEBUG', 'NODE_OPTIONS']) delete env[ours]
  const child = spawn(process.execPath, ['--import', 'tsx', program, how, state], { cwd: root, env })
  return new Promise((resolve) => {
    let stderr = ''
    let readyMs = Number.NaN
    child.stdout.on('data', () => {
      readyMs = performance.now()
      if (signal !== undefined) child.kill(signal)
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('close', (code) => {
      // Node's own words when a process ends in the millisecond in which the monitor takes a stack.
      const ours = stderr.replace('Waiting for the debugger to disconnect...\n', '')
      resolve({ code, stderr: ours, tookMs: performance.now() - readyMs })
    })
  })
}

describe.each(['busy', 'asleep', 'parked'])(
  'with worker threads that are %s, the program ends at once',
  (state) => {
    it('when main returns', async () => {
      const { code, stderr, tookMs } = await end('returns', state)
      expect([code, stderr]).toEqual([0, ''])
      expect(tookMs).toBeLessThan(hangMs)
    })

    it('when main throws', async () => {
      const { code, stderr, tookMs } = await end('throws', state)
      expect(code).toBe(2)
      expect(stderr).toContain('panic: TypeError: broken')
      expect(tookMs).toBeLessThan(hangMs)
    })

    it('when it calls process.exit', async () => {
      const { code, stderr, tookMs } = await end('exits', state)
      expect([code, stderr]).toEqual([3, ''])
      expect(tookMs).toBeLessThan(hangMs)
    })

    it.each(['SIGINT', 'SIGTERM'] as const)('on %s, which ends the context of main', async (signal) => {
      const { code, stderr, tookMs } = await end('signal', state, signal)
      expect([code, stderr]).toEqual([0, ''])
      expect(tookMs).toBeLessThan(hangMs)
    })
  },
)

it('when nothing on any thread can wake anybody, the deadlock is reported with the goroutines of all threads', () => {
  const env = { ...process.env }
  for (const ours of ['NODE_ENV', 'VITEST', 'SLUICE_DEBUG', 'NODE_OPTIONS']) delete env[ours]
  const file = fileURLToPath(new URL('programs/parallel-deadlock.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    env,
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect(stderr).toContain('fatal error: all goroutines are asleep - deadlock!')
  expect(stderr).toMatch(
    /goroutine \d+ \[task\]:[\s\S]*processor 1:\n\ngoroutine \d+ \[shared chan receive\]:/,
  )
  expect(status).toBe(2)
})
