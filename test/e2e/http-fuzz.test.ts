import { expect, it } from 'vitest'
import { fuzz } from '../http/fuzz.js'

const inputs = 1_000_000

it('a million damaged requests are read in one way only, however they are split', {
  timeout: 180_000,
}, () => {
  const seed = Date.now() % 2 ** 31
  try {
    const { outcomes, ends } = fuzz(inputs, seed)
    expect(outcomes).toBeGreaterThan(500)
    expect(Object.keys(ends)).toEqual(
      expect.arrayContaining(['between', 'incomplete', 'closed', '400', '431']),
    )
  } catch (error) {
    throw new Error(`npx tsx test/http/fuzz.ts --inputs ${inputs} --seed ${seed}`, { cause: error })
  }
})
