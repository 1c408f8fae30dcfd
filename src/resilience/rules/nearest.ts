/** More wrong letters than this are another word. */
const mostEdits = 3

/** The name that was probably meant: one that a few letters, or the case, turn into it. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase()
  let best: string | undefined
  let fewest = Math.min(mostEdits, Math.floor(name.length / 2)) + 1
  for (const each of known) {
    const edits = distance(lower, each.toLowerCase(), fewest)
    if (edits < fewest) {
      best = each
      fewest = edits
    }
  }
  return best
}

/** Letters to insert, leave out or exchange; anything from `enough` on where it is that many. Source: Levenshtein (1965). */
function distance(one: string, other: string, enough: number): number {
  if (Math.abs(one.length - other.length) >= enough) return enough
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const exchanged = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(exchanged, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[other.length] as number
}
