import { describe, expect, it } from 'vitest'
import { type Chan, chan, go, type Routine, run } from 'sluice'
import { forSeeds } from 'sluice/testing'
import { get } from './programs/demand-channel.js'
import {
  add,
  binomial,
  constants,
  derivative,
  exponential,
  integral,
  monomial,
  mul,
  reciprocal,
  type Series,
  shift,
  sub,
  substitute,
  substituteMonomial,
  times,
} from './programs/power-series.js'
import { primes } from './programs/prime-sieve.js'
import { isEnd, neg, one, print, whole, zero } from './programs/rational.js'

const terms = 10

/** The first coefficients, as text; fewer where the series ends. */
function* coefficients(u: Series, count = terms): Routine<string> {
  const texts: string[] = []
  while (texts.length < count) {
    const coefficient = yield* get(u)
    if (isEnd(coefficient)) break
    texts.push(print(coefficient))
  }
  return texts.join(' ')
}

const ones = () => constants(one)
const twos = () => constants(whole(2))
const arcTangent = () => integral(zero, substituteMonomial(ones(), neg(one), 2))

const table: Record<string, [make: () => Series, expected: string]> = {
  'Ones, 1/(1-x)': [ones, '1 1 1 1 1 1 1 1 1 1'],
  'Add of Ones and Twos': [() => add(ones(), twos()), '3 3 3 3 3 3 3 3 3 3'],
  'Diff of Ones': [() => derivative(ones()), '1 2 3 4 5 6 7 8 9 10'],
  'Integ of Ones': [() => integral(zero, ones()), '0 1 1/2 1/3 1/4 1/5 1/6 1/7 1/8 1/9'],
  'Cmul of -1 and Twos': [() => times(neg(one), twos()), '-2 -2 -2 -2 -2 -2 -2 -2 -2 -2'],
  'Sub of Ones and Twos': [() => sub(ones(), twos()), '-1 -1 -1 -1 -1 -1 -1 -1 -1 -1'],
  'Mul of Ones and Ones': [() => mul(ones(), ones()), '1 2 3 4 5 6 7 8 9 10'],
  'Exp of Ones': [
    () => exponential(ones()),
    '1 1 3/2 13/6 73/24 167/40 4051/720 37633/5040 43817/4480 4596553/362880',
  ],
  'MonSubst of -x² in Ones': [() => substituteMonomial(ones(), neg(one), 2), '1 0 -1 0 1 0 -1 0 1 0'],
  ATan: [arcTangent, '0 1 0 -1/3 0 1/5 0 -1/7 0 1/9'],
  'Recip of Ones, 1-x': [() => reciprocal(ones()), '1 -1 0 0 0 0 0 0 0 0'],
  'Recip of 1+x+x²+... shifted by 2': [
    () => reciprocal(shift(whole(2), ones())),
    '1/2 -1/4 -1/8 -1/16 -1/32 -1/64 -1/128 -1/256 -1/512 -1/1024',
  ],
  'Binom of 3, which ends': [() => binomial(whole(3)), '1 3 3 1'],
  'Add of a series that ends': [() => add(binomial(whole(2)), ones()), '2 3 2 1 1 1 1 1 1 1'],
  'Mon of 5x³, which ends': [() => monomial(whole(5), 3), '0 0 0 5'],
  'Subst of x/(1-x) in Ones, (1-x)/(1-2x)': [
    () => substitute(ones(), shift(zero, ones())),
    '1 1 2 4 8 16 32 64 128 256',
  ],
}

describe('power series', () => {
  for (const [name, [make, expected]] of Object.entries(table)) {
    it(`CH27: ${name}`, async () => {
      const texts = await run(
        function* () {
          return yield* coefficients(make())
        },
        { onCrash: (error) => expect.unreachable(String(error)) },
      )
      expect(texts).toBe(expected)
    })
  }

  it('CH27: Exp and ATan come out the same in any order of goroutines', () =>
    forSeeds(20, async (seed) => {
      const both = await run(
        function* () {
          return [yield* coefficients(exponential(ones()), 6), yield* coefficients(arcTangent(), 6)]
        },
        { seed },
      )
      expect(both).toEqual(['1 1 3/2 13/6 73/24 167/40', '0 1 0 -1/3 0 1/5'])
    }))
})

describe('prime sieve', () => {
  it('CH27: the first 300 primes', async () => {
    const found = await run(() => primes(300))
    expect(found.slice(0, 20)).toEqual([
      2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71,
    ])
    expect(found[299]).toBe(1987)
  })

  it('CH27: in any order of goroutines', () =>
    forSeeds(20, async (seed) => {
      expect(await run(() => primes(10), { seed })).toEqual([2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
    }))
})

describe('daisy chain', () => {
  function* link(to: Chan<number>, from: Chan<number>): Routine<void> {
    yield* to.send(1 + ((yield* from.recv()) as number))
  }

  function* chain(length: number): Routine<number | undefined> {
    const leftmost = chan<number>()
    let left = leftmost
    for (let i = 0; i < length; i++) {
      const right = chan<number>()
      go(link, left, right)
      left = right
    }
    go(() => left.send(0))
    return yield* leftmost.recv()
  }

  it('CH24: through 10,000 goroutines, again and again, without the memory growing', async () => {
    const heapBytes = () => {
      globalThis.gc?.()
      return process.memoryUsage().heapUsed
    }
    const once = async () => expect(await run(() => chain(10_000))).toBe(10_000)
    await once()
    await once()
    const before = heapBytes()
    for (let i = 0; i < 5; i++) await once()
    // One chain that stayed would be some 8 MB, its 10,000 goroutines and channels.
    expect(heapBytes() - before).toBeLessThan(4_000_000)
  })
})
