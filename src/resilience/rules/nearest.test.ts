import { expect, it } from 'vitest'
import { nearest } from './nearest.js'

it.each([
  ['braker', 'breaker'],
  ['Timeout', 'timeout'],
  ['token_bucket', 'tokenBucket'],
  ['tokenBuckets', 'tokenBucket'],
  ['bulkhed', 'bulkhead'],
  ['ms', undefined],
  ['xyzzy', undefined],
  ['', undefined],
  ['x'.repeat(1_000_000), undefined],
])('%.20s probably means %s', (name, meant) => {
  expect(nearest(name, ['breaker', 'adaptiveBreaker', 'timeout', 'tokenBucket', 'bulkhead'])).toBe(meant)
})
