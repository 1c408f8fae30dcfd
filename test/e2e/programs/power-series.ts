import { go, type Routine } from 'sluice'
import { copy, type Demand, demand, get, getBoth, type Pair, put, repeat, split } from './demand-channel.js'
import {
  add as addRational,
  finis,
  inverse,
  isEnd,
  mul as mulRational,
  neg,
  one,
  type Rational,
  ratio,
  sub as subRational,
  whole,
  zero,
} from './rational.js'

/**
 * Power series as processes: a series is a stream of its coefficients, made by a goroutine when they are asked for.
 * Source: Doug McIlroy, "Squinting at Power Series" (1989), and Go's test/chan/powser1.go after it.
 */
export type Series = Demand

/** Starts what makes the coefficients of a new series. */
function series(body: (z: Series) => Routine<unknown>): Series {
  const z = demand()
  go(body, z)
  return z
}

/** The same series twice; a series can be read once only. */
export function twice(u: Series): Pair {
  const pair: Pair = [demand(), demand()]
  go(split, u, pair)
  return pair
}

/** c + cx + cx² + ... */
export function constants(c: Rational): Series {
  return series((z) => repeat(c, z))
}

export function add(u: Series, v: Series): Series {
  return series(function* (z) {
    for (;;) {
      yield* z.req.recv()
      const [a, b] = yield* getBoth(u, v)
      if (isEnd(a) && isEnd(b)) yield* z.dat.send(finis)
      else if (isEnd(a)) {
        yield* z.dat.send(b)
        yield* copy(v, z)
      } else if (isEnd(b)) {
        yield* z.dat.send(a)
        yield* copy(u, z)
      } else yield* z.dat.send(addRational(a, b))
    }
  })
}

export function times(c: Rational, u: Series): Series {
  return series(function* (z) {
    for (;;) {
      yield* z.req.recv()
      const a = yield* get(u)
      if (isEnd(a)) break
      yield* z.dat.send(mulRational(c, a))
    }
    yield* z.dat.send(finis)
  })
}

export function sub(u: Series, v: Series): Series {
  return add(u, times(neg(one), v))
}

/** c·xⁿ */
export function monomial(c: Rational, n: number): Series {
  return series(function* (z) {
    if (c.num !== 0n) {
      for (let i = 0; i < n; i++) yield* put(zero, z)
      yield* put(c, z)
    }
    yield* put(finis, z)
  })
}

/** c + x·u */
export function shift(c: Rational, u: Series): Series {
  return series(function* (z) {
    yield* put(c, z)
    yield* copy(u, z)
  })
}

/** With u = a + xU and v = b + xV: uv = ab + x(aV + bU) + x²UV. */
export function mul(u: Series, v: Series): Series {
  return series(function* (z) {
    yield* z.req.recv()
    const [a, b] = yield* getBoth(u, v)
    if (isEnd(a) || isEnd(b)) {
      yield* z.dat.send(finis)
      return
    }
    yield* z.dat.send(mulRational(a, b))
    const [uu, vv] = [twice(u), twice(v)]
    const w = add(times(a, vv[0]), times(b, uu[0]))
    yield* z.req.recv()
    yield* z.dat.send(yield* get(w))
    yield* copy(add(w, mul(uu[1], vv[1])), z)
  })
}

export function derivative(u: Series): Series {
  return series(function* (z) {
    yield* z.req.recv()
    if (!isEnd(yield* get(u))) {
      for (let i = 1; ; i++) {
        const a = yield* get(u)
        if (isEnd(a)) break
        yield* z.dat.send(mulRational(whole(i), a))
        yield* z.req.recv()
      }
    }
    yield* z.dat.send(finis)
  })
}

/** The integral, with `c` as its constant. */
export function integral(c: Rational, u: Series): Series {
  return series(function* (z) {
    yield* put(c, z)
    for (let i = 1, done = false; !done; i++) {
      yield* z.req.recv()
      const a = yield* get(u)
      done = isEnd(a)
      yield* z.dat.send(mulRational(ratio(1, i), a))
    }
    yield* z.dat.send(finis)
  })
}

/** (1 + x)ᶜ for a whole c. */
export function binomial(c: Rational): Series {
  return series(function* (z) {
    let [t, rest] = [one, c]
    for (let n = 1; rest.num !== 0n; n++) {
      yield* put(t, z)
      t = mulRational(mulRational(t, rest), ratio(1, n))
      rest = subRational(rest, one)
    }
    yield* put(t, z)
    yield* put(finis, z)
  })
}

/** 1/u: with u = a + xU, its tail T is −U·(1/a + xT)/a. */
export function reciprocal(u: Series): Series {
  return series(function* (z) {
    const pair: Pair = [demand(), demand()]
    yield* z.req.recv()
    const a = inverse(yield* get(u))
    yield* z.dat.send(a)
    yield* split(mul(times(neg(a), u), shift(a, pair[0])), pair)
    yield* copy(pair[1], z)
  })
}

/** eᵘ for a u without constant term, which is ignored: its derivative is itself times that of u. */
export function exponential(u: Series): Series {
  const pair: Pair = [demand(), demand()]
  const [itself, result] = pair // the pair is turned around while it is split
  go(split, integral(one, mul(itself, derivative(u))), pair)
  return result
}

/** u with v for x, where v has no constant term: with u = a + xU and v = xV, that is a + x·V·U(v). */
export function substitute(u: Series, v: Series): Series {
  return series(function* (z) {
    const [first, second] = twice(v)
    yield* z.req.recv()
    const a = yield* get(u)
    yield* z.dat.send(a)
    if (isEnd(a)) return
    if (isEnd(yield* get(first))) yield* put(finis, z)
    else yield* copy(mul(first, substitute(u, second)), z)
  })
}

/** u with cxⁿ for x. */
export function substituteMonomial(u: Series, c: Rational, n: number): Series {
  return series(function* (z) {
    for (let power = one; ; power = mulRational(power, c)) {
      yield* z.req.recv()
      const a = yield* get(u)
      yield* z.dat.send(mulRational(a, power))
      if (isEnd(a)) break
      for (let i = 1; i < n; i++) yield* put(zero, z)
    }
    yield* z.dat.send(finis)
  })
}
