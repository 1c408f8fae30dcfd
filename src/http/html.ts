import { ArgumentError } from '../runtime/errors.js'
import { type Hole, holesOf } from './html-template.js'
import { HttpResponse, type ResponseOptions } from './response.js'

/**
 * What can stand in a hole of a template. `undefined`, `null`, `false` and `true` render as nothing, so that
 * `${isNew && markup`<b>new</b>`}` does what it says; a list renders as its items, one behind the other.
 */
export type MarkupValue =
  | string
  | number
  | bigint
  | boolean
  | undefined
  | null
  | Html
  | readonly MarkupValue[]

/** Markup that is safe to send: what `markup` and `raw` make. It renders unescaped in other templates. */
export class Html {
  /** @internal */
  constructor(
    private readonly text: string,
    /** @internal Written by `raw`: its author vouches for it, wherever it stands. */
    readonly isRaw: boolean,
  ) {}

  toString(): string {
    return this.text
  }
}

/**
 * Makes HTML from a template whose values are escaped:
 *
 * ```ts
 * const row = (order: Order) => markup`<li class="${order.state}">${order.title}</li>`
 * return html(markup`<ul>${orders.map(row)}</ul>`)
 * ```
 *
 * Values may stand in text and in quoted attributes. In an attribute that holds a URL, one that begins with
 * `javascript:`, `vbscript:` or `data:` (but for images) is refused; in a `style` attribute only numbers are taken.
 * Between attributes only `raw` may stand: `<input ${isDone && raw('checked')}>`.
 *
 * Where escaping does not protect, the template is refused the first time it is used: in unquoted attributes, names of tags
 * and attributes, comments, `<script>`, `<style>` and the like, `on…` attributes and `srcdoc`. To hand data to a script,
 * put JSON into an attribute: `<main data-order="${JSON.stringify(order)}">`.
 *
 * @throws ArgumentError for such a template, and for a value that has no place where it stands: a promise, an object.
 */
export function markup(template: TemplateStringsArray, ...values: readonly MarkupValue[]): Html {
  const holes = holesOf(template)
  let text = template[0] ?? ''
  let address = ''
  for (let i = 0; i < values.length; i++) {
    const hole = holes[i] as Hole // there is one for each value
    const value = values[i]
    if (hole === 'url') address = plainOf(value)
    else if (hole === 'url-on') address += plainOf(value)
    text += hole === 'text' ? textOf(value) : inTag(hole, value, address)
    text += template[i + 1]
  }
  return new Html(text, false)
}

/**
 * Markup that is trusted as it is: nothing in it is escaped. Whoever can choose what stands in it can run scripts in the
 * pages of others, so it must never hold anything that came from outside.
 */
export function raw(trusted: string): Html {
  if (typeof trusted !== 'string') throw new ArgumentError(`raw() needs a string, not ${describe(trusted)}`)
  return new Html(trusted, true)
}

/**
 * Answers with a page: `markup`, or a string that is sent as it is, so that one with anything from outside in it has to be
 * made by `markup`.
 */
export function html(content: Html | string, { status = 200, headers }: ResponseOptions = {}): HttpResponse {
  return new HttpResponse(status, content.toString(), headers, 'text/html; charset=utf-8')
}

const special = /[&<>"']/
const references: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML, for text and for quoted attributes. */
export function escapeHtml(text: string): string {
  return special.test(text) ? text.replace(/[&<>"']/g, (each) => references[each] as string) : text
}

function textOf(value: MarkupValue): string {
  if (typeof value === 'string') return escapeHtml(value)
  if (value instanceof Html) return value.toString()
  if (isList(value)) return value.map(textOf).join('')
  return plainOf(value)
}

function inTag(hole: Hole, value: MarkupValue, address: string): string {
  if (hole === 'attributes') return attributesOf(value)
  if (hole === 'style') checkNumber(value)
  else if (hole !== 'attribute') checkAddress(address)
  return escapeHtml(plainOf(value))
}

function attributesOf(value: MarkupValue): string {
  if (value instanceof Html && value.isRaw) return value.toString()
  if (isNothing(value)) return ''
  throw new ArgumentError(
    `between attributes only raw() may stand in markup, not ${describe(value)}: write the attribute out, with its value in quotes`,
  )
}

/** A value as text that is not escaped yet. */
function plainOf(value: MarkupValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return `${value}`
  if (isNothing(value)) return ''
  if (isList(value)) return value.map(plainOf).join('')
  if (value instanceof Html) {
    throw new ArgumentError(
      'markup cannot stand in an attribute: give the text itself, which is escaped there',
    )
  }
  throw new ArgumentError(`markup takes text, numbers, markup and lists of these, not ${describe(value)}`)
}

function checkNumber(value: MarkupValue): void {
  if (typeof value === 'number' || isNothing(value)) return
  throw new ArgumentError(
    `in a style attribute markup takes numbers only, not ${describe(value)}: choose among classes instead`,
  )
}

// Browsers leave out control characters and white space before and within the scheme. Source: WHATWG URL, 4.4.
const ignored = /[\0-\x20\x7f-\x9f]/g
const scripting = /^(?:javascript|vbscript|data(?!:image\/(?:avif|gif|jpeg|png|webp)[;,])):/i

function checkAddress(address: string): void {
  if (!scripting.test(address.replace(ignored, ''))) return
  throw new ArgumentError(
    `${JSON.stringify(address.slice(0, 40))} in a URL attribute would run as a script: markup takes other schemes only`,
  )
}

function isNothing(value: unknown): value is undefined | null | boolean {
  return value === undefined || value === null || typeof value === 'boolean'
}

// Array.isArray alone leaves a readonly list in the type.
function isList(value: MarkupValue): value is readonly MarkupValue[] {
  return Array.isArray(value)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (typeof value === 'object' && value !== null)
    return `a ${value.constructor?.name ?? 'null-prototype object'}`
  return `${typeof value === 'symbol' ? 'a symbol' : typeof value === 'function' ? 'a function' : value}`
}
