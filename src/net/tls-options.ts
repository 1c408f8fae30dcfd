import { type Certificates, type Material, materialOf } from './tls-material.js'
import { TlsError } from './tls-error.js'
import type { PeerCertificate } from './tls-peer.js'

export type Protocol = 'h2' | 'http/1.1'

/** How a server proves who it is, and who has to prove it in turn. */
export interface TlsOptions extends Certificates {
  /** `'TLSv1.3'` by default; `'TLSv1.2'` lets older clients in, with ciphers that keep the past secret (ECDHE and AEAD) only. */
  minVersion?: 'TLSv1.3' | 'TLSv1.2'
  /**
   * Whether clients show a certificate: `'none'` by default. `'request'` lets those in that have none; `'require'` does
   * not. One that no authority of `ca` has signed is refused either way.
   */
  clientCert?: 'none' | 'request' | 'require'
  /** Decides by its names whether the owner of a certificate that is valid is let in: `false`, or an error, refuses it. */
  verifyPeer?: (peer: PeerCertificate) => boolean | Error
  /** Protocols that are offered: `['h2', 'http/1.1']` by default. */
  alpn?: readonly Protocol[]
  /** Whether clients may resume sessions with tickets: false by default. Whoever has the key of the tickets can resume them. */
  sessionTickets?: boolean
  /** The key of the tickets, 48 random bytes, where several machines are to take each other's; a new one for each server by default. */
  ticketKeys?: Uint8Array
  /** For a handshake, from the first byte to the last, in ms: 10 s by default. */
  handshakeTimeoutMs?: number
  /** Handshakes at the same time: 16,384 by default, of some 15 KB each. Connections beyond are closed at once. */
  maxHandshakes?: number
  /** How often `certFile`, `keyFile` and `caFile` are looked at, in ms: 5 s by default, `Infinity` for never. A change is taken over at the second look. */
  watchMs?: number
}

/** The same, with everything in its place. */
export interface CheckedTls {
  readonly material: Material
  readonly minVersion: 'TLSv1.3' | 'TLSv1.2'
  readonly clientCert: 'none' | 'request' | 'require'
  readonly verifyPeer: ((peer: PeerCertificate) => boolean | Error) | undefined
  readonly alpn: readonly Protocol[]
  readonly sessionTickets: boolean
  readonly ticketKeys: Uint8Array | undefined
  readonly handshakeTimeoutMs: number
  readonly maxHandshakes: number
  readonly watchMs: number
}

const defaults = {
  minVersion: 'TLSv1.3',
  clientCert: 'none',
  alpn: ['h2', 'http/1.1'],
  sessionTickets: false,
  handshakeTimeoutMs: 10_000,
  /** Few would let anybody lock out the others by connecting so often and saying nothing. */
  maxHandshakes: 16_384,
  watchMs: 5000,
} as const

/** Those that can be replaced while a server runs. */
export const certificateNames = ['cert', 'key', 'certFile', 'keyFile', 'passphrase', 'ca', 'caFile', 'sni']
// biome-ignore format: a list
const names = [
  ...certificateNames, 'minVersion', 'clientCert', 'verifyPeer', 'alpn', 'sessionTickets', 'ticketKeys', 'handshakeTimeoutMs',
  'maxHandshakes', 'watchMs',
]
const ticketKeyBytes = 48
/** The longest that the host's timers take. */
const longestMs = 2 ** 31 - 1

/** Reads and checks all of it. @throws TlsError that names the option and says what to do. */
export function checkedTls(given: TlsOptions): CheckedTls {
  checkNames('tls', given, names)
  const checked = {
    ...defaults,
    verifyPeer: undefined,
    ticketKeys: undefined,
    ...definedOnly(given),
    material: materialOf(given),
  }
  checkVersions(checked)
  checkClients(checked)
  checkTickets(checked)
  checkNumbers(checked)
  return checked
}

function checkVersions({ minVersion, alpn }: CheckedTls): void {
  if (minVersion !== 'TLSv1.3' && minVersion !== 'TLSv1.2')
    throw new TlsError(
      'tls.minVersion',
      `is 'TLSv1.3' or 'TLSv1.2', not ${String(minVersion)}: older ones are broken`,
    )
  const isKnown = (each: unknown) => each === 'h2' || each === 'http/1.1'
  if (!Array.isArray(alpn) || alpn.length === 0 || !alpn.every(isKnown))
    throw new TlsError('tls.alpn', `is a list of 'h2' and 'http/1.1', not ${JSON.stringify(alpn)}`)
}

function checkClients({ clientCert, verifyPeer, material }: CheckedTls): void {
  if (clientCert !== 'none' && clientCert !== 'request' && clientCert !== 'require')
    throw new TlsError('tls.clientCert', `is 'none', 'request' or 'require', not ${String(clientCert)}`)
  // Without it the platform would let in whomever any public authority has signed.
  if (clientCert !== 'none' && material.ca === undefined)
    throw new TlsError(
      'tls.ca',
      `is missing: clientCert '${clientCert}' needs the authorities that sign your clients`,
    )
  if (verifyPeer === undefined) return
  if (typeof verifyPeer !== 'function')
    throw new TlsError('tls.verifyPeer', `has to be a function, not ${typeof verifyPeer}`)
  if (clientCert === 'none')
    throw new TlsError('tls.verifyPeer', "would never be asked: set tls.clientCert to 'require' or 'request'")
}

function checkTickets({ sessionTickets, ticketKeys }: CheckedTls): void {
  if (typeof sessionTickets !== 'boolean')
    throw new TlsError('tls.sessionTickets', `is true or false, not ${String(sessionTickets)}`)
  if (ticketKeys === undefined) return
  if (!(ticketKeys instanceof Uint8Array) || ticketKeys.length !== ticketKeyBytes)
    throw new TlsError(
      'tls.ticketKeys',
      `has to be ${ticketKeyBytes} random bytes: randomBytes(${ticketKeyBytes})`,
    )
  if (!sessionTickets)
    throw new TlsError(
      'tls.ticketKeys',
      'is of no use while there are no tickets: set tls.sessionTickets to true',
    )
}

function checkNumbers({ handshakeTimeoutMs, maxHandshakes, watchMs }: CheckedTls): void {
  if (!(handshakeTimeoutMs > 0 && handshakeTimeoutMs <= longestMs))
    throw new TlsError(
      'tls.handshakeTimeoutMs',
      `is a number of milliseconds above 0, up to ${longestMs}, not ${String(handshakeTimeoutMs)}`,
    )
  if (!(Number.isSafeInteger(maxHandshakes) && maxHandshakes > 0))
    throw new TlsError('tls.maxHandshakes', `is a whole number from 1, not ${String(maxHandshakes)}`)
  if (!(typeof watchMs === 'number' && watchMs > 0))
    throw new TlsError(
      'tls.watchMs',
      `is a number of milliseconds above 0, or Infinity, not ${String(watchMs)}`,
    )
}

/** @throws TlsError for a name that is none: a misspelt `clientCert` would let everybody in. */
export function checkNames(what: string, given: object, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null)
    throw new TlsError(what, `needs an object of options, not ${String(given)}`)
  for (const name in given)
    if (!known.includes(name))
      throw new TlsError(`tls.${name}`, `is no option of ${what}: there are ${known.join(', ')}`)
}

export function definedOnly<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never // what `filter` does
}
