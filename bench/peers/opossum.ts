import CircuitBreaker from 'opossum'
import { measure, perOp } from '../programs/measure.js'

async function call(): Promise<number> {
  return 1
}

await measure({
  breaker: async (n) => {
    // Without a time limit of its own: that is another guard.
    const breaker = new CircuitBreaker(call, {
      timeout: false,
      errorThresholdPercentage: 50,
      resetTimeout: 5000,
    })
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) await breaker.fire()
    const figure = perOp(startedMs, n)
    breaker.shutdown()
    return figure
  },
})
