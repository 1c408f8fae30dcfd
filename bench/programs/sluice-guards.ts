/** Calls under guards, in goroutines. */
import { run } from 'sluice'
import { background } from 'sluice/context'
import { breaker, bulkhead, type Policy, policy, retry, timeout, tokenBucket } from 'sluice/resilience'
import { measure, perOp } from './measure.js'

const ctx = background()

/** What is called: it has its value at once. */
function* call() {
  return 1
}

function calls(guards: Policy, n: number): Promise<number> {
  return run(function* () {
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) yield* guards.run(ctx, call)
    return perOp(startedMs, n)
  })
}

await measure({
  tokenBucket: (n) => calls(policy(tokenBucket({ rate: 1e12, burst: 1e12 })), n),
  breaker: (n) => calls(policy(breaker({ name: 'dependency' })), n),
  four: (n) =>
    calls(
      policy(
        timeout({ ms: 1000 }),
        retry({ attempts: 3 }),
        breaker({ name: 'dependency' }),
        bulkhead({ limit: 10 }),
      ),
      n,
    ),
})
