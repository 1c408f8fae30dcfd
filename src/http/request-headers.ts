/** The header fields of a request, in the order they came. */
export class RequestHeaders implements Iterable<readonly [name: string, value: string]> {
  /** @internal @param list names in lower case and values by turns. */
  constructor(private readonly list: readonly string[]) {}

  /**
   * The value of a field, its name in any case; `undefined` where there is none. Several are joined as one list: with
   * `, `, cookies with `; `. Source: RFC 9110, 5.3, and RFC 6265, 5.4.
   */
  get(name: string): string | undefined {
    const { list } = this
    const key = name.toLowerCase()
    let found: string | undefined
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== key) continue
      const value = list[i + 1] as string
      found = found === undefined ? value : `${found}${key === 'cookie' ? '; ' : ', '}${value}`
    }
    return found
  }

  /** Each value of a field. */
  getAll(name: string): string[] {
    const key = name.toLowerCase()
    const found: string[] = []
    for (let i = 0; i < this.list.length; i += 2)
      if (this.list[i] === key) found.push(this.list[i + 1] as string)
    return found
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  *[Symbol.iterator](): Generator<readonly [string, string], void> {
    for (let i = 0; i < this.list.length; i += 2) yield [this.list[i] as string, this.list[i + 1] as string]
  }
}

/** Header lines that the parser has checked, as names in lower case and values by turns. */
export function splitLines(lines: string): string[] {
  const list: string[] = []
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(':', at)
    const end = lines.indexOf('\r', colon)
    list.push(lines.slice(at, colon).toLowerCase(), trimmed(lines, colon + 1, end))
    at = end + 2
  }
  return list
}

function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}
