/** One measurement is a program of its own: `node PROGRAM CASE N ROUNDS` prints one number a line, each round's figure. */

/** A case does its work `n` times and gives its figure, mostly nanoseconds for each time. */
export type Case = (n: number) => Promise<number> | number
export type Cases = Record<string, Case>

export async function measure(cases: Cases): Promise<void> {
  const [name = '', n = '', rounds = ''] = process.argv.slice(2)
  const run = cases[name]
  if (run === undefined) throw new Error(`there is no case '${name}' here: ${Object.keys(cases).join(', ')}`)
  for (let i = 0; i < Number(rounds); i++) console.log(await run(Number(n)))
}

/** Nanoseconds for each of `n` operations since `startedMs`. */
export function perOp(startedMs: number, n: number): number {
  return ((performance.now() - startedMs) * 1e6) / n
}
