/** A user's test under a user's Vitest, which has no tsx; smoke.ts runs it. */
import { threadId } from 'node:worker_threads'
import { run } from 'sluice'
import { expect, it } from 'vitest'
// @ts-expect-error: an alias of vitest.config.ts
import * as aliased from '@/tasks'
import { broken } from './broken.js'
import { later, modeOf, sizeOf } from './tasks.js'

it('runs tasks of a TypeScript module in worker threads', async () => {
  const { size, thread } = await sizeOf.on(1)(1)
  expect(size).toBe('Big')
  expect(thread).not.toBe(threadId)
  expect(await run(() => later.on(1)(1))).toBe('slept')
})

it("has Vite's meaning of a module there: its aliases and import.meta.env", async () => {
  expect(aliased.sizeOf).toBe(sizeOf)
  expect(await modeOf.on(1)()).toBe('test')
})

it('says what is wrong with a module that a worker thread cannot load', async () => {
  await expect(broken.on(1)(1)).rejects.toThrow(
    /^task 'broken': .*not in a worker\. Its top level runs in every/,
  )
})
