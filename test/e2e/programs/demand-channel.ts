import { type Chan, chan, go, type Routine, select } from 'sluice'
import type { Rational } from './rational.js'

/**
 * A stream whose values are made on demand: a request on one channel, its answer on the other. The plumbing of power
 * series. Source: Doug McIlroy, "Squinting at Power Series" (1989), and Go's test/chan/powser1.go after it.
 */
export interface Demand {
  readonly req: Chan<number>
  readonly dat: Chan<Rational>
}

export type Pair = [Demand, Demand]

let requests = 0

export function demand(): Demand {
  return { req: chan<number>(), dat: chan<Rational>() }
}

export function* put(value: Rational, out: Demand): Routine<void> {
  yield* out.req.recv()
  yield* out.dat.send(value)
}

export function* get(from: Demand): Routine<Rational> {
  yield* from.req.send(++requests)
  return (yield* from.dat.recv()) as Rational
}

/** One value of each, asked for at the same time. */
export function* getBoth(...from: Pair): Routine<[Rational, Rational]> {
  const got: (Rational | undefined)[] = [undefined, undefined]
  const state: ('asks' | 'waits' | 'done')[] = ['asks', 'asks']
  const asks = (i: 0 | 1) => (state[i] === 'asks' ? from[i].req.send(++requests) : undefined)
  const waits = (i: 0 | 1) => (state[i] === 'waits' ? from[i].dat.recv() : undefined)
  for (let steps = 4; steps > 0; steps--) {
    const r = yield* select({ ask0: asks(0), ask1: asks(1), get0: waits(0), get1: waits(1) })
    if (r.key === 'ask0') state[0] = 'waits'
    else if (r.key === 'ask1') state[1] = 'waits'
    else {
      const i = r.key === 'get0' ? 0 : 1
      got[i] = r.value
      state[i] = 'done'
    }
  }
  return got as [Rational, Rational]
}

export function* copy(from: Demand, to: Demand): Routine<never> {
  for (;;) {
    yield* to.req.recv()
    yield* to.dat.send(yield* get(from))
  }
}

export function* repeat(value: Rational, to: Demand): Routine<never> {
  for (;;) yield* put(value, to)
}

/**
 * Copies one stream to two, which may be read at different rates. Each value has a goroutine, born when it is first
 * asked for, that ends when both have had it. The newest one serves `out[0]`, whichever that is by then; the oldest
 * serves `out[1]`, and releases the next newer one to do so after it.
 */
export function* split(from: Demand, out: Pair): Routine<void> {
  const release = chan<number>()
  go(serve, from, out, release)
  yield* release.send(0)
}

function* serve(from: Demand, out: Pair, wait: Chan<number>): Routine<void> {
  let servesBoth = false
  const first = yield* select({ asked: out[0].req.recv(), released: wait.recv() })
  if (first.key === 'released') {
    servesBoth = true
    const asked = yield* select({ first: out[0].req.recv(), second: out[1].req.recv() })
    if (asked.key === 'second') out.reverse()
  }
  yield* from.req.send(++requests)
  const release = chan<number>()
  go(serve, from, out, release)
  // The next one may turn the pair around meanwhile only after it has been released, which is at the end here.
  const value = (yield* from.dat.recv()) as Rational
  yield* out[0].dat.send(value)
  if (!servesBoth) yield* wait.recv()
  yield* out[1].req.recv()
  yield* out[1].dat.send(value)
  yield* release.send(0)
}
