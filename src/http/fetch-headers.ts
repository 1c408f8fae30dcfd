import { inspect } from 'node:util'
import { platform } from './fetch-platform.js'
import type { RequestHeaders } from './request-headers.js'

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const blankEnds = /^[\t\n\r ]+|[\t\n\r ]+$/g
const notInValues = /[\0\n\r\u0100-\uffff]/

/** What `new Headers` takes. */
export type HeadersSource = ConstructorParameters<typeof Headers>[0]
type Pair = [name: string, value: string]

/**
 * Fetch's `Headers` over a list: those of a request stand where they came, and become a list of its own when somebody
 * asks for more than `get` and `has`. Several values of a name are one, joined, but for Set-Cookie.
 *
 * It does what the global class does, errors included: a property test holds the two together.
 * Source: https://fetch.spec.whatwg.org/#headers-class
 */
export class LightHeaders {
  #incoming: RequestHeaders | undefined
  /** Names in lower case and values by turns. */
  #list: string[]
  #sorted: Pair[] | undefined

  constructor(incoming?: RequestHeaders) {
    this.#incoming = incoming
    this.#list = []
    this.#sorted = undefined
  }

  /** A copy of what a program gives as headers. */
  static of(init: HeadersSource | LightHeaders): LightHeaders {
    const headers = new LightHeaders()
    if (init === undefined) return headers
    if (typeof init !== 'object' || init === null) throw notHeaders()
    if (#list in init) headers.#list = init.#own().slice()
    else if (init instanceof platform().Headers) headers.#copy(init)
    else if (Symbol.iterator in init) for (const pair of init as Iterable<unknown>) headers.#appendPair(pair)
    else for (const [name, value] of Object.entries(init)) headers.append(name, value as string)
    return headers
  }

  get(name: string): string | null {
    const key = keyOf('get', name)
    if (this.#incoming !== undefined) return this.#incoming.get(key) ?? null
    if (key === 'set-cookie') {
      const cookies = this.getSetCookie()
      return cookies.length === 0 ? null : cookies.join(', ')
    }
    const at = this.#indexOf(key)
    return at < 0 ? null : (this.#list[at + 1] as string)
  }

  has(name: string): boolean {
    const key = keyOf('has', name)
    if (this.#incoming !== undefined) return this.#incoming.has(key)
    return this.#indexOf(key) >= 0
  }

  set(name: string, value: string): void {
    const key = keyOf('set', name)
    const text = headerValue('set', name, value)
    const list = this.#changed()
    const at = this.#indexOf(key)
    if (at < 0) list.push(key, text)
    else {
      list[at + 1] = text
      this.#remove(key, at + 2)
    }
  }

  append(name: string, value: string): void {
    const key = keyOf('append', name)
    const text = headerValue('append', name, value)
    const list = this.#changed()
    const at = key === 'set-cookie' ? -1 : this.#indexOf(key)
    if (at < 0) list.push(key, text)
    else list[at + 1] += (key === 'cookie' ? '; ' : ', ') + text
  }

  delete(name: string): void {
    const key = keyOf('delete', name)
    this.#changed()
    this.#remove(key, 0)
  }

  getSetCookie(): string[] {
    const list = this.#own()
    const cookies: string[] = []
    for (let i = 0; i < list.length; i += 2) if (list[i] === 'set-cookie') cookies.push(list[i + 1] as string)
    return cookies
  }

  forEach(fn: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    if (typeof fn !== 'function') throw new TypeError(`Headers.forEach needs a function, not ${String(fn)}`)
    for (const [name, value] of this.entries()) fn.call(self, value, name, asHeaders(this))
  }

  // Like the global class, these see what is changed while they are under way.
  *entries(): Generator<Pair, void> {
    for (let i = 0; i < this.#inOrder().length; i++) {
      const [name, value] = this.#inOrder()[i] as Pair
      yield [name, value]
    }
  }

  *keys(): Generator<string, void> {
    for (const [name] of this.entries()) yield name
  }

  *values(): Generator<string, void> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): Generator<Pair, void> {
    return this.entries()
  }

  // The inherited one looks into what only a Headers of the platform has.
  [inspect.custom](_depth: number, options: object): string {
    return `Headers ${inspect(Object.fromEntries(this), options)}`
  }

  /** Names and values by turns, in the order they were added. */
  static listOf(headers: LightHeaders): readonly string[] {
    return headers.#own()
  }

  #own(): string[] {
    const incoming = this.#incoming
    if (incoming === undefined) return this.#list
    this.#incoming = undefined
    for (const [name, value] of incoming) this.append(name, value)
    return this.#list
  }

  #changed(): string[] {
    this.#sorted = undefined
    return this.#own()
  }

  #inOrder(): readonly Pair[] {
    if (this.#sorted === undefined) {
      const list = this.#own()
      const pairs: Pair[] = []
      for (let i = 0; i < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as string])
      // Equal names stay in their order: there is only Set-Cookie.
      this.#sorted = pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    }
    return this.#sorted
  }

  /** They are in normal form, each name once but for Set-Cookie. */
  #copy(real: Headers): void {
    real.forEach((value, name) => {
      this.#list.push(name, value)
    })
  }

  #appendPair(pair: unknown): void {
    if (typeof pair !== 'object' || pair === null || !(Symbol.iterator in pair)) throw notHeaders()
    const [name, value, ...more] = pair as Iterable<string>
    if (name === undefined || value === undefined || more.length > 0) throw notHeaders()
    this.append(name, value)
  }

  #indexOf(key: string): number {
    const list = this.#list
    for (let i = 0; i < list.length; i += 2) if (list[i] === key) return i
    return -1
  }

  #remove(key: string, from: number): void {
    const list = this.#list
    for (let i = list.length - 2; i >= from; i -= 2) if (list[i] === key) list.splice(i, 2)
  }
}

/** What the outside sees of it: once its prototype stands behind the platform's, it is one. */
export function asHeaders(headers: LightHeaders): Headers {
  return headers as unknown as Headers
}

function keyOf(method: string, name: string): string {
  const text = String(name)
  if (!token.test(text)) throw new TypeError(`Headers.${method}: ${text} is an invalid header name.`)
  return text.toLowerCase()
}

/** A value as a header holds it. @throws TypeError for what none can hold. */
export function headerValue(method: string, name: string, value: string): string {
  const text = String(value)
  const bare = isBlankAt(text, 0) || isBlankAt(text, text.length - 1) ? text.replace(blankEnds, '') : text
  if (notInValues.test(bare))
    throw new TypeError(`Headers.${method}: ${JSON.stringify(bare)} is an invalid value of ${name}.`)
  return bare
}

function isBlankAt(text: string, at: number): boolean {
  return text.charCodeAt(at) <= 32
}

function notHeaders(): TypeError {
  return new TypeError('Headers are given as an object, or as pairs of a name and a value.')
}
