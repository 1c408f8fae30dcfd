import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { describe, expectTypeOf, it } from 'vitest'
import type { RedisClient } from './redis-store.js'

describe('RedisClient', () => {
  it('is what the package redis makes, of all kinds', () => {
    expectTypeOf(createClient()).toExtend<RedisClient>()
    expectTypeOf(createClient({ RESP: 2 })).toExtend<RedisClient>()
    expectTypeOf(createClientPool()).toExtend<RedisClient>()
    expectTypeOf(createCluster({ rootNodes: [] })).toExtend<RedisClient>()
    expectTypeOf(createSentinel({ name: 'a', sentinelRootNodes: [] })).toExtend<RedisClient>()
  })
})
