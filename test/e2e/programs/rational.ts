/** Exact rational numbers, in lowest terms. A denominator of zero marks the end of a power series. */
export interface Rational {
  readonly num: bigint
  readonly den: bigint
}

export function ratio(num: bigint | number, den: bigint | number): Rational {
  const [u, v] = [BigInt(num), BigInt(den)]
  const g = gcd(u, v)
  return v > 0n ? { num: u / g, den: v / g } : { num: -u / g, den: -v / g }
}

export function whole(n: bigint | number): Rational {
  return ratio(n, 1)
}

export const zero = whole(0)
export const one = whole(1)
export const finis = ratio(1, 0)

export function isEnd({ den }: Rational): boolean {
  return den === 0n
}

export function add(u: Rational, v: Rational): Rational {
  const g = gcd(u.den, v.den)
  return ratio(u.num * (v.den / g) + v.num * (u.den / g), u.den * (v.den / g))
}

export function mul(u: Rational, v: Rational): Rational {
  const [g1, g2] = [gcd(u.num, v.den), gcd(u.den, v.num)]
  return { num: (u.num / g1) * (v.num / g2), den: (u.den / g2) * (v.den / g1) }
}

export function neg(u: Rational): Rational {
  return ratio(-u.num, u.den)
}

export function sub(u: Rational, v: Rational): Rational {
  return add(u, neg(v))
}

export function inverse(u: Rational): Rational {
  if (u.num === 0n) throw new RangeError('zero divide')
  return ratio(u.den, u.num)
}

export function print({ num, den }: Rational): string {
  return den === 1n ? `${num}` : `${num}/${den}`
}

function gcd(u: bigint, v: bigint): bigint {
  if (u < 0n) return gcd(-u, v)
  return u === 0n ? v : gcd(v % u, u)
}
