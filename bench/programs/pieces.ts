/** What the tasks of the suite `parallel` do: the same functions in every pool, so that only the way there differs. */

export interface Small {
  readonly id: number
  readonly name: string
  readonly ready: boolean
}

export const next = (n: number): number => n + 1
export const rename = ({ id, name, ready }: Small): Small => ({ id: id + 1, name, ready: !ready })
export const sameText = (text: string): string => text
export const sameBytes = (bytes: Uint8Array): Uint8Array => bytes

/** Pure arithmetic for some milliseconds; Go does the same in peers/go/parallel.go. */
export function piece(seed: number): number {
  let x = seed | 1
  for (let i = 0; i < 4_000_000; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

export const small: Small = { id: 1, name: 'a small object', ready: true }
export const text1k = 'x'.repeat(1024)
export const bytes1k = new Uint8Array(1024).fill(7)
export const bytes64k = new Uint8Array(65_536).fill(7)

/** Calls that are under way at the same time, where tasks come in a batch. */
export const inFlight = 256
