import { domainToASCII } from 'node:url'
import { TlsError } from './tls-error.js'

const hostName = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/
const longest = 253
/** What `domainToASCII` would take for the end of a name, or decode. */
const notInNames = /[\s/\\?#@:%[\]]/

/**
 * What belongs to a server name, as clients say it in their first message (SNI): to the name itself, or to
 * `*.` and what follows its first label, as in certificates. Source: RFC 6066, 3; RFC 9525, 6.3.
 */
export class ServerNames<T> {
  private readonly byName = new Map<string, T>()

  /** @throws TlsError if `name` is no name of a host, or was there before, in whatever letters. */
  add(name: string, value: T): void {
    const key = asciiOf(name)
    if (key === undefined || !hostName.test(key) || key.length > longest) {
      throw new TlsError(
        `tls.sni['${name}']`,
        "is no name of a server: write one like 'example.com' or '*.example.com'",
      )
    }
    if (this.byName.has(key)) {
      throw new TlsError(
        `tls.sni['${name}']`,
        'is there twice: capital and small letters are the same in a name; leave one of them out',
      )
    }
    this.byName.set(key, value)
  }

  /** What belongs to the name that a client says; `undefined` where nothing does. */
  find(name: string): T | undefined {
    const key = name.toLowerCase()
    const exact = this.byName.get(key)
    if (exact !== undefined) return key.startsWith('*') ? undefined : exact
    const dot = key.indexOf('.')
    return dot < 1 ? undefined : this.byName.get(`*${key.slice(dot)}`)
  }
}

/** As clients send it: letters beyond ASCII in punycode. */
function asciiOf(name: string): string | undefined {
  if (notInNames.test(name)) return undefined
  const isWildcard = name.startsWith('*.')
  const ascii = domainToASCII(isWildcard ? name.slice(2) : name).toLowerCase()
  if (ascii === '') return undefined
  return isWildcard ? `*.${ascii}` : ascii
}
