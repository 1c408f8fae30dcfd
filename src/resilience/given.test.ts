import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../runtime/errors.js'
import * as resilience from './index.js'

describe('a guard that needs options', () => {
  it.each([
    'bulkhead',
    'cached',
    'clusterLimit',
    'fallback',
    'hedge',
    'leakyBucket',
    'mirror',
    'slidingWindow',
    'timeout',
    'tokenBucket',
  ] as const)('says so: %s', (name) => {
    const make = resilience[name] as (options?: unknown) => unknown
    for (const none of [undefined, null, 5])
      expect(() => make(none)).toThrow(new ArgumentError(`${name}() needs an object of options, not ${none}`))
  })
})
