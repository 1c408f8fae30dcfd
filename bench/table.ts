export interface Row {
  readonly case: string
  readonly unit: string
  readonly better: 'lower' | 'higher'
  readonly ours: number
  readonly peers: Record<string, number>
  /** The most that ours may be of the figure of a peer, the least where higher is better; `absolute`: in the row's unit. */
  readonly targets: Partial<Record<string, number>>
  readonly notes: readonly string[]
}

/** The rows of a suite as a table: our figure, each peer's, and whether the targets are met. */
export function textTable(suite: string, rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.case, `${figure(row.ours)} ${row.unit}`, peersOf(row), targetsOf(row)])
  const table = [['case', 'sluice', 'peers (ours / theirs)', 'target'], ...cells]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((cell) => cell[column]?.length ?? 0)))
  const lines = table.map((cell) =>
    cell
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [
    `suite ${suite}`,
    lines[0],
    '-'.repeat(Math.max(...lines.map((line) => line.length))),
    ...lines.slice(1),
    ...notesOf(rows),
  ].join('\n')
}

/** Each note once, with the cases it is about unless it is about all. */
function notesOf(rows: readonly Row[]): string[] {
  const cases = new Map<string, string[]>()
  for (const row of rows)
    for (const note of row.notes) cases.set(note, [...(cases.get(note) ?? []), row.case])
  return [...cases].map(([note, names]) =>
    names.length === rows.length ? `note: ${note}` : `note: ${note} (${names.join('; ')})`,
  )
}

function peersOf({ ours, peers }: Row): string {
  const parts = Object.entries(peers).map(
    ([name, theirs]) => `${name} ${figure(theirs)} (${(ours / theirs).toFixed(2)})`,
  )
  return parts.length === 0 ? '-' : parts.join(', ')
}

function targetsOf({ ours, peers, targets, unit, better }: Row): string {
  const parts = Object.entries(targets).map(([peer, limit = Number.NaN]) => {
    const theirs = peer === 'absolute' ? 1 : peers[peer]
    if (theirs === undefined) return `${peer}: not measured`
    const sign = better === 'lower' ? '<=' : '>='
    const limitText = Number(limit.toPrecision(4))
    const text = peer === 'absolute' ? `${sign} ${limitText} ${unit}` : `${sign} ${limitText} x ${peer}`
    const isMet = better === 'lower' ? ours / theirs <= limit : ours / theirs >= limit
    return `${text}: ${isMet ? 'met' : 'missed'}`
  })
  return parts.length === 0 ? '-' : parts.join(', ')
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
