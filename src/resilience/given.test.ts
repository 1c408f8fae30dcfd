import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../runtime/errors.js'
import { bulkhead, cached, clusterLimit, fallback, hedge } from './index.js'
import { leakyBucket, mirror, slidingWindow, timeout, tokenBucket } from './index.js'

describe('a guard that needs options', () => {
  const makers: readonly ((options: never) => unknown)[] = [
    ...[bulkhead, cached, clusterLimit, fallback, hedge],
    ...[leakyBucket, mirror, slidingWindow, timeout, tokenBucket],
  ]
  it.each(makers.map((maker) => [maker.name, maker] as const))('says so: %s', (name, maker) => {
    for (const none of [undefined, null, 5])
      expect(() => maker(none as never)).toThrow(
        new ArgumentError(`${name}() needs an object of options, not ${none}`),
      )
  })
})
