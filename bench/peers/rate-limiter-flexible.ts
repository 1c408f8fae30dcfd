import { RateLimiterMemory } from 'rate-limiter-flexible'
import { measure, perOp } from '../programs/measure.js'

await measure({
  tokenBucket: async (n) => {
    const limiter = new RateLimiterMemory({ points: 1e12, duration: 1 })
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) await limiter.consume('all')
    return perOp(startedMs, n)
  },
})
