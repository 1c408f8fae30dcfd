import {
  bulkhead,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  type IPolicy,
  retry,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel'
import { measure, perOp } from '../programs/measure.js'

async function call(): Promise<number> {
  return 1
}

async function calls(policy: IPolicy, n: number): Promise<number> {
  const startedMs = performance.now()
  for (let i = 0; i < n; i++) await policy.execute(call)
  return perOp(startedMs, n)
}

const breaker = () =>
  circuitBreaker(handleAll, {
    halfOpenAfter: 5000,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1 }),
  })

await measure({
  breaker: (n) => calls(breaker(), n),
  four: (n) =>
    calls(
      wrap(
        timeout(1000, TimeoutStrategy.Aggressive),
        retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
        breaker(),
        bulkhead(10),
      ),
      n,
    ),
})
