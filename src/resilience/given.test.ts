import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../runtime/errors.js'
import {
  bulkhead,
  cached,
  clusterLimit,
  fallback,
  hedge,
  leakyBucket,
  mirror,
  slidingWindow,
  timeout,
  tokenBucket,
} from './index.js'

describe('a guard that needs options', () => {
  const makers = {
    bulkhead,
    cached,
    clusterLimit,
    fallback,
    hedge,
    leakyBucket,
    mirror,
    slidingWindow,
    timeout,
    tokenBucket,
  }
  it.each(Object.entries(makers))('says so: %s', (name, maker) => {
    const make = maker as (options?: unknown) => unknown
    for (const none of [undefined, null, 5])
      expect(() => make(none)).toThrow(new ArgumentError(`${name}() needs an object of options, not ${none}`))
  })
})
