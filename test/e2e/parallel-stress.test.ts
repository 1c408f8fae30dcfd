import { expect, it } from 'vitest'
import { stress } from '../parallel/stress.js'

it('values go through run queues and channels exactly once, also while workers die', {
  timeout: 120_000,
}, async () => {
  const seed = Date.now() % 1_000_000
  const said: string[] = []
  try {
    expect(await stress(150_000, seed, (text) => said.push(text))).toBeGreaterThanOrEqual(150_000)
  } catch (error) {
    throw new Error(`npx tsx test/parallel/stress.ts --values 150000 --seed ${seed}: ${said.join('; ')}`, {
      cause: error,
    })
  }
})
