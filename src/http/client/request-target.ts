import { ArgumentError } from '../../runtime/errors.js'

/** Where a request goes: to a server, and what it asks of it. */
export interface RequestTarget {
  /** `http://orders:8080` */
  readonly origin: string
  /** `/orders/1?full=1` */
  readonly target: string
}

/** What a query is made of; `undefined` leaves a name out, a list repeats it. */
export type QueryInit =
  | URLSearchParams
  | Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>

type QueryValue = string | number | boolean

/**
 * The server that all requests of a client go to, and what stands before their paths.
 * @throws ArgumentError if `base` is no http or https URL, or has more than an origin and a path.
 */
export function parseBase(base: string | URL): RequestTarget {
  const url = httpUrl('base', base)
  if (url.search !== '' || url.hash !== '')
    throw new ArgumentError(`the base of httpClient() is an origin and perhaps a path, not ${String(base)}`)
  return { origin: url.origin, target: url.pathname.replace(/\/+$/, '') }
}

/**
 * Where a request goes. With a base, `path` is appended as it stands: it is never taken for a URL, so that whatever a caller
 * has put into it, `//evil` say, the request stays at the base's origin and below its path. Without one it is a whole URL.
 *
 * @throws ArgumentError if `path` is none, climbs with `..`, or has what a request line cannot hold.
 */
export function targetOf(base: RequestTarget | undefined, path: string, query?: QueryInit): RequestTarget {
  const search = query === undefined ? '' : searchOf(query)
  if (base !== undefined)
    return { origin: base.origin, target: withSearch(base.target + checkedPath(path), search) }
  const url = httpUrl('URL', path)
  return { origin: url.origin, target: withSearch(url.pathname + url.search, search) }
}

function httpUrl(name: string, given: string | URL): URL {
  let url: URL
  try {
    url = new URL(given)
  } catch (cause) {
    throw new ArgumentError(
      `httpClient() needs a whole ${name}, as in http://orders:8080, not ${JSON.stringify(given)}`,
      { cause },
    )
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new ArgumentError(`httpClient() speaks http and https, not ${url.protocol}`)
  if (url.username !== '' || url.password !== '')
    throw new ArgumentError(
      `httpClient() sends no name and password of a ${name}: set the header Authorization`,
    )
  return url
}

// A server may take a backslash for a slash, and decodes dots before it looks for segments.
const climbs = /(?:^|[/\\])(?:\.|%2e){1,2}(?=[/\\]|$)/i
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a path must not hold.
const control = /[\0-\x1f\x7f]/
const notInTarget = /[^\x21-\x7e]+/g

function checkedPath(path: string): string {
  const [pathname = ''] = path.split('?', 1)
  if (!path.startsWith('/')) throw badPath(path, 'it has to begin with a slash')
  if (control.test(path)) throw badPath(path, 'it holds a control character')
  if (path.includes('#')) throw badPath(path, 'a fragment is not sent: write %23 for #')
  if (climbs.test(pathname)) throw badPath(path, 'a segment of dots would lead elsewhere')
  try {
    return path.replace(notInTarget, encodeURIComponent)
  } catch (cause) {
    throw badPath(path, 'it is no valid Unicode', cause)
  }
}

function badPath(path: string, why: string, cause?: unknown): ArgumentError {
  return new ArgumentError(
    `the path of a request cannot be ${JSON.stringify(path)}: ${why}`,
    cause === undefined ? undefined : { cause },
  )
}

function searchOf(query: QueryInit): string {
  if (query instanceof URLSearchParams) return query.toString()
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? (value as readonly QueryValue[]) : [value as QueryValue | undefined]
    for (const each of values) if (each !== undefined) params.append(name, String(each))
  }
  return params.toString()
}

function withSearch(target: string, search: string): string {
  if (search === '') return target
  return `${target}${target.includes('?') ? '&' : '?'}${search}`
}
