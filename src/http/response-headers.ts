import { ArgumentError } from '../runtime/errors.js'

/** Header fields as a program writes them: a value, or several for one name. */
export type HeaderInit = Readonly<Record<string, string | readonly string[]>>

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a value must not hold.
const notInValues = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/

/** The header fields of a response. Names are found in any case, and sent as they were written. */
export class ResponseHeaders implements Iterable<readonly [name: string, value: string]> {
  /** Names and values by turns: most responses have two or three, which a list holds best. */
  private readonly list: string[] = []

  constructor(init?: HeaderInit) {
    if (init === undefined) return
    for (const name in init) this.setAll(name, init[name])
  }

  /** The value, several of them joined with a comma; `undefined` where there is none. */
  get(name: string): string | undefined {
    const values = this.getAll(name)
    return values.length === 0 ? undefined : values.join(', ')
  }

  getAll(name: string): string[] {
    const key = name.toLowerCase()
    const found: string[] = []
    for (let i = 0; i < this.list.length; i += 2)
      if (this.list[i]?.toLowerCase() === key) found.push(this.list[i + 1] as string)
    return found
  }

  has(name: string): boolean {
    return this.indexOf(name) >= 0
  }

  /**
   * Replaces what was there under this name.
   * @throws ArgumentError if RFC 9110 (5.1, 5.5) does not allow the name or the value: one that holds a line break would
   * end the header, and let whoever chose it write a response of its own.
   */
  set(name: string, value: string): this {
    const checked = check(name, value)
    this.delete(name)
    this.list.push(name, checked)
    return this
  }

  /** Adds a value to those of this name, in a line of its own. @throws ArgumentError like `set`. */
  append(name: string, value: string): this {
    this.list.push(name, check(name, value))
    return this
  }

  delete(name: string): boolean {
    let found = false
    for (let i = this.indexOf(name); i >= 0; i = this.indexOf(name)) {
      this.list.splice(i, 2)
      found = true
    }
    return found
  }

  *[Symbol.iterator](): Generator<readonly [string, string], void> {
    for (let i = 0; i < this.list.length; i += 2) yield [this.list[i] as string, this.list[i + 1] as string]
  }

  /** @internal The lines as HTTP/1.1 sends them, without those of some names, which are in lower case. */
  linesWithout(names: ReadonlySet<string>): string {
    const { list } = this
    let lines = ''
    for (let i = 0; i < list.length; i += 2)
      if (!names.has((list[i] as string).toLowerCase())) lines += `${list[i]}: ${list[i + 1]}\r\n`
    return lines
  }

  private setAll(name: string, values: string | readonly string[] | undefined): void {
    if (typeof values === 'string') this.set(name, values)
    else if (values !== undefined) {
      this.delete(name)
      for (const value of values) this.append(name, value)
    }
  }

  private indexOf(name: string): number {
    const key = name.toLowerCase()
    for (let i = 0; i < this.list.length; i += 2) if (this.list[i]?.toLowerCase() === key) return i
    return -1
  }
}

function check(name: string, value: string): string {
  if (!token.test(name))
    throw new ArgumentError(
      `${JSON.stringify(name)} is not the name of a header: letters, digits and !#$%&'*+-.^_\`|~ only`,
    )
  const text = String(value)
  const at = text.search(notInValues)
  if (at >= 0) {
    throw new ArgumentError(
      `the value of the header ${name} has ${JSON.stringify(text[at])} at ${at}: encode what a header cannot carry`,
    )
  }
  return text
}
