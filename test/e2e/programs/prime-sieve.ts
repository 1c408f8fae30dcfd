import { type Chan, chan, go, type RecvChan, type Routine, type SendChan } from 'sluice'

/** The first primes, by a chain of filters, one a prime. Source: Go's test/chan/sieve1.go, after Hoare's CSP. */
export function* primes(count: number): Routine<number[]> {
  let candidates: Chan<number> = chan<number>()
  go(generate, candidates)
  const found: number[] = []
  while (found.length < count) {
    const prime = (yield* candidates.recv()) as number
    found.push(prime)
    const rest = chan<number>()
    go(filter, candidates, rest, prime)
    candidates = rest
  }
  return found
}

function* generate(to: SendChan<number>): Routine<void> {
  for (let n = 2; ; n++) yield* to.send(n)
}

function* filter(from: RecvChan<number>, to: SendChan<number>, prime: number): Routine<void> {
  for (;;) {
    const n = (yield* from.recv()) as number
    if (n % prime !== 0) yield* to.send(n)
  }
}
