/** Where the runtime takes its random numbers from: the choice among ready cases of a select, the order of a shuffle. */
export interface Random {
  /** A whole number from 0 to `bound - 1`, each as likely as any other. */
  below(bound: number): number
}

/** The same numbers for the same seed. Source: Marsaglia, "Xorshift RNGs" (2003); the seed is spread by splitmix32. */
export class SeededRandom implements Random {
  private state: number

  constructor(seed: number) {
    let z = (Math.trunc(seed) + 0x9e3779b9) | 0
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    this.state = (z ^ (z >>> 15)) | 1 // xorshift must not start at zero
  }

  below(bound: number): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    // The high bits times the bound: no division, and a bias below 2^-20 for the small bounds used here.
    return Math.floor(((x >>> 0) * bound) / 0x1_0000_0000)
  }
}

/** A random source that nobody can foresee. */
export function hostRandom(): Random {
  return new SeededRandom(Math.random() * 0x7fff_ffff)
}
