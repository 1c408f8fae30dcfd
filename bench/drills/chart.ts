/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** A chart of lines in Mermaid's language, which pages of Markdown show as a picture. What is not a number is drawn as 0. */
export function chart(
  title: string,
  xTitle: string,
  x: readonly (number | string)[],
  lines: Readonly<Record<string, readonly number[]>>,
): string {
  const most = Math.max(...Object.values(lines).flat().filter(Number.isFinite))
  const numbers = (values: readonly number[]) =>
    values.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(3)) : 0)).join(', ')
  return [
    '```mermaid',
    'xychart-beta',
    `  title "${title}: ${Object.keys(lines).join(', ')}"`,
    `  x-axis "${xTitle}" [${x.join(', ')}]`,
    `  y-axis 0 --> ${Number((most * 1.05).toPrecision(2))}`,
    ...Object.values(lines).map((values) => `  line [${numbers(values)}]`),
    '```',
  ].join('\n')
}
