import { constants, createHash, randomBytes } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import {
  type CertificateOptions,
  type Material,
  type Pair,
  pairOf,
  type SniCallback,
} from './tls-material.js'
import { ServerNames } from './tls-names.js'
import type { CheckedTls } from './tls-options.js'

/** For TLS 1.2: what keeps the past secret and is authenticated, as HTTP/2 demands it. Source: RFC 9113, 9.2.2, Mozilla's "intermediate". */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

const ticketKeyBytes = 48

/** What `node:tls` makes a context of. */
export type ContextOptions = SecureContextOptions & { ticketKeys?: Buffer }

/** What a server shows in handshakes: the usual certificate, and those of server names. */
export class TlsContexts {
  /** The key of the tickets, where there are tickets: the same for all contexts, also after others have taken their place. */
  readonly ticketKeys: Uint8Array | undefined
  private current: Material
  private names: ServerNames<SecureContext>
  /** Contexts of what the `sni` function returned. */
  private made = new WeakMap<CertificateOptions, SecureContext>()

  /** @param onError gets what an `sni` function fails with, whose handshake fails. */
  constructor(
    private readonly checked: CheckedTls,
    private readonly onError: (error: unknown) => void,
  ) {
    const { sessionTickets, ticketKeys, material } = checked
    this.ticketKeys = sessionTickets ? (ticketKeys ?? randomBytes(ticketKeyBytes)) : undefined
    this.current = material
    this.names = this.namesOf(material)
  }

  get material(): Material {
    return this.current
  }

  /** The context for clients that ask for no name, or for one that is not there. */
  get usual(): ContextOptions {
    return this.optionsOf(this.current, this.current.pair)
  }

  /** Shows this from now on. All or nothing: what throws does so before anything has changed. */
  use(given: Material): void {
    const material = { ...given, ca: given.ca ?? this.current.ca }
    const names = this.namesOf(material)
    createSecureContext(this.optionsOf(material, material.pair))
    this.current = material
    this.names = names
    this.made = new WeakMap()
  }

  /** Gives the context for a name that a client asks for. */
  select(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const { sni } = this.current
    if (typeof sni !== 'function') {
      done(null, this.names.find(name))
      return
    }
    void this.ask(sni, name).then(
      (context) => done(null, context),
      (error: unknown) => {
        this.onError(error)
        done(error instanceof Error ? error : new Error(String(error)))
      },
    )
  }

  private async ask(sni: SniCallback, name: string): Promise<SecureContext | undefined> {
    const given = await sni(name)
    if (given === undefined) return undefined
    let context = this.made.get(given)
    if (context === undefined) {
      context = createSecureContext(this.optionsOf(this.current, pairOf(given, `tls.sni('${name}')`)))
      this.made.set(given, context)
    }
    return context
  }

  private namesOf(material: Material): ServerNames<SecureContext> {
    const names = new ServerNames<SecureContext>()
    const { sni } = material
    if (typeof sni === 'object')
      for (const [name, pair] of Object.entries(sni))
        names.add(name, createSecureContext(this.optionsOf(material, pair)))
    return names
  }

  private optionsOf({ ca = '' }: Material, pair: Pair): ContextOptions {
    const { minVersion, sessionTickets } = this.checked
    return {
      ...pair,
      ...(ca !== '' && { ca }),
      minVersion,
      ciphers,
      // Sessions are not resumed where other authorities are trusted than when they began.
      sessionIdContext: createHash('sha256').update(ca).digest('hex').slice(0, 32),
      secureOptions: sessionTickets ? 0 : constants.SSL_OP_NO_TICKET,
      ...(this.ticketKeys !== undefined && { ticketKeys: Buffer.from(this.ticketKeys) }),
    }
  }
}
