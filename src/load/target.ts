import { ArgumentError } from '../runtime/errors.js'

/** The server under test and the request that it gets. */
export interface Target {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** The whole request, as it goes over the wire. */
  readonly request: Uint8Array
  readonly method: string
  /** Whether a connection carries more than one request. */
  readonly keepAlive: boolean
}

export interface RequestParts {
  method: string
  /** `[name, value]`, in the order in which they are sent. */
  headers: readonly (readonly [string, string])[]
  body?: Uint8Array
  keepAlive: boolean
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** @throws ArgumentError if the URL, the method or a header cannot be sent. */
export function targetFor(url: string, { method, headers, body, keepAlive }: RequestParts): Target {
  const { hostname, host, port, protocol, pathname, search, username, password } = parseUrl(url)
  if (!token.test(method))
    throw new ArgumentError(`'${method}' is not an HTTP method: use GET, POST, PUT, ...`)
  const lines = [`${method} ${pathname}${search} HTTP/1.1`]
  const given = new Set<string>()
  for (const [name, value] of headers) {
    if (!token.test(name) || /[\r\n\0]/.test(value)) {
      throw new ArgumentError(`'${name}: ${value}' is not a header: write -H 'Name: value'`)
    }
    given.add(name.toLowerCase())
    lines.push(`${name}: ${value}`)
  }
  const add = (name: string, value: string) =>
    given.has(name.toLowerCase()) || lines.push(`${name}: ${value}`)
  add('Host', host)
  add('User-Agent', 'sluice-bench')
  add('Accept', '*/*')
  if (username !== '') add('Authorization', basicAuth(username, password))
  // Without it, some servers refuse a method that usually has a body.
  if (body !== undefined || ['POST', 'PUT', 'PATCH'].includes(method))
    add('Content-Length', String(body?.length ?? 0))
  if (!keepAlive) add('Connection', 'close')
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
  return {
    url,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    tls: protocol === 'https:',
    request: body === undefined ? head : Buffer.concat([head, body]),
    method,
    keepAlive,
  }
}

function basicAuth(username: string, password: string): string {
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`
}

/** What a part of a URL stands for; the part itself where its `%` are no escapes. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text))
    throw new ArgumentError(`'${text}' is not a URL: write it like http://localhost:8080/path`)
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ArgumentError(
      `'${text}' does not begin with http:// or https://: write it like http://localhost:8080/path`,
    )
  }
  return url
}
