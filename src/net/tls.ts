import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer, TLSSocket } from 'node:tls'
import type { ServerFactory } from './listener.js'
import type { TimerWheel } from './timer-wheel.js'
import { TlsContexts } from './tls-contexts.js'
import { TlsError } from './tls-error.js'
import { FileWatch } from './tls-files.js'
import { type Certificates, filesOf, type Material, materialOf, messageOf } from './tls-material.js'
import {
  certificateNames,
  type CheckedTls,
  checkedTls,
  checkNames,
  definedOnly,
  type TlsOptions,
} from './tls-options.js'
import { peerCertificateOf } from './tls-peer.js'

/** What has become of handshakes so far. */
export interface TlsStats {
  /** Handshakes that succeeded. */
  readonly handshakes: number
  /** Handshakes that failed: too slow, no common version, no certificate that is good, a peer that was refused. */
  readonly failed: number
  /** Handshakes under way. */
  readonly pending: number
  /** Why the last one failed; `undefined` while none has. */
  readonly lastFailure: string | undefined
  /** Times that certificates were replaced. */
  readonly rotations: number
  /** Times that new ones could not be used, and the old ones stayed. */
  readonly failedRotations: number
}

/**
 * Accepts connections and does their TLS handshakes: a listener gets those that have succeeded.
 *
 * `node:tls` does the handshakes, behind a server of our own that accepts: so those under way are counted, there are not
 * more than there may be, and they end when the listener stops. A handshake that fails is a matter of figures, for
 * anybody on the network can make one fail.
 */
export class TlsAcceptor {
  private readonly checked: CheckedTls
  private readonly contexts: TlsContexts
  private readonly files: FileWatch
  private readonly pending = new Set<Socket>()
  private readonly server: TlsServer
  private certificates: Certificates
  private accepted: (socket: Socket) => void = () => {}
  private isStopped = false
  private handshakes = 0
  private failed = 0
  private lastFailure: string | undefined = undefined
  private rotations = 0
  private failedRotations = 0

  /**
   * @param onError gets what the server's owner should know: files that cannot be used, hooks that throw.
   * @throws TlsError if something in `options` cannot be used.
   */
  constructor(
    options: TlsOptions,
    wheel: TimerWheel,
    private readonly onError: (error: unknown) => void,
    private readonly onRotated: () => void = () => {},
  ) {
    this.checked = checkedTls(options)
    const { handshakeTimeoutMs, clientCert, alpn, watchMs } = this.checked
    this.contexts = new TlsContexts(this.checked, onError)
    this.certificates = options
    this.server = createTlsServer({
      ...this.contexts.usual,
      requestCert: clientCert !== 'none',
      // With 'request' it is looked at later: a client that shows none is let in.
      rejectUnauthorized: clientCert === 'require',
      handshakeTimeout: handshakeTimeoutMs,
      // Whoever speaks 1.1 answers 1.0 as well, and there are clients that offer nothing else.
      ALPNProtocols: alpn.includes('http/1.1') ? [...alpn, 'http/1.0'] : [...alpn],
      SNICallback: (name, done) => this.contexts.select(name, done),
    })
    this.server.on('secureConnection', (socket) => this.secured(socket))
    this.server.on('tlsClientError', (error, socket) => this.failedWith(socket, reasonOf(error, socket)))
    this.files = new FileWatch(wheel, watchMs, () => this.reload())
    this.files.watch(filesOf(options))
  }

  /** Makes the server that a listener listens with. */
  readonly create: ServerFactory = (onSocket) => {
    this.accepted = onSocket
    return createServer({ noDelay: true }, (raw) => this.begin(raw)) satisfies Server
  }

  /**
   * Shows other certificates from the next handshake on; connections that are open stay. What is left out of `ca` and
   * `sni` stays as it is.
   * @throws TlsError if they cannot be used: then the old ones stay.
   */
  rotate(certificates: Certificates): void {
    const given = definedOnly(certificates)
    const next = { ...keptOf(this.certificates, given), ...given }
    try {
      checkNames('server.setCertificates()', certificates, certificateNames)
      this.use(materialOf(next))
    } catch (error) {
      this.failedRotations++
      throw error
    }
    this.certificates = next
    this.files.watch(filesOf(next))
  }

  /** All of it as plain data, for another thread: what is in files is in the text. @throws TlsError if a function is among it. */
  plain(): TlsOptions {
    const { minVersion, clientCert, verifyPeer, alpn, handshakeTimeoutMs, maxHandshakes } = this.checked
    const { pair, ca, sni } = this.contexts.material
    const { ticketKeys } = this.contexts
    const hook = verifyPeer !== undefined ? 'verifyPeer' : typeof sni === 'function' ? 'sni' : undefined
    if (hook !== undefined || typeof sni === 'function') {
      const instead =
        hook === 'sni'
          ? 'give an object of certificates by name'
          : 'look at req.peerCertificate in a middleware'
      throw new TlsError(
        `tls.${hook}`,
        `is a function, which cannot go to other threads: ${instead}, or serve on one`,
      )
    }
    return {
      ...pair,
      ...(ca !== undefined && { ca }),
      ...(sni !== undefined && { sni: { ...sni } }),
      ...{ minVersion, clientCert, alpn: [...alpn], handshakeTimeoutMs, maxHandshakes },
      ...(ticketKeys !== undefined && {
        sessionTickets: true,
        ticketKeys: Uint8Array.from(ticketKeys),
      }),
    }
  }

  /** Ends the handshakes under way, and looks at files no more. */
  stop(): void {
    this.isStopped = true
    this.files.stop()
    for (const raw of this.pending) raw.destroy()
  }

  stats(): TlsStats {
    const { handshakes, failed, lastFailure, rotations, failedRotations } = this
    return { handshakes, failed, pending: this.pending.size, lastFailure, rotations, failedRotations }
  }

  private begin(raw: Socket): void {
    if (this.pending.size >= this.checked.maxHandshakes) this.noteFailure('too many handshakes at once')
    if (this.isStopped || this.pending.size >= this.checked.maxHandshakes) {
      raw.destroy()
      return
    }
    this.pending.add(raw)
    raw.once('close', () => this.pending.delete(raw))
    this.server.emit('connection', raw)
  }

  private secured(socket: TLSSocket): void {
    this.settled(socket)
    const refusal = this.refusalOf(socket)
    if (refusal !== undefined) {
      this.noteFailure(refusal)
      socket.destroy()
      return
    }
    this.handshakes++
    socket.allowHalfOpen = true // from now on: a client that leaves in the middle of a handshake has left
    this.accepted(socket)
  }

  /** Why the owner of the certificate is not let in. A session that is resumed has its certificate with it. */
  private refusalOf(socket: TLSSocket): string | undefined {
    const { clientCert, verifyPeer } = this.checked
    if (clientCert === 'none') return undefined
    if (!socket.authorized) {
      const isShown = socket.getPeerX509Certificate() !== undefined
      return isShown || clientCert === 'require'
        ? `client certificate: ${socket.authorizationError}`
        : undefined
    }
    const peer = peerCertificateOf(socket)
    if (verifyPeer === undefined || peer === undefined) return undefined
    try {
      const verdict = verifyPeer(peer)
      if (verdict === true) return undefined
      return verdict instanceof Error ? `verifyPeer: ${verdict.message}` : 'verifyPeer said no'
    } catch (error) {
      this.onError(error)
      return `verifyPeer: ${messageOf(error)}`
    }
  }

  private failedWith(socket: TLSSocket, reason: string): void {
    this.settled(socket)
    this.noteFailure(reason)
    socket.destroy() // one that is merely slow is still open
  }

  private noteFailure(reason: string): void {
    this.failed++
    this.lastFailure = reason
  }

  private settled(socket: TLSSocket): void {
    // Not in Node's types: the socket below. Those that are not found here leave the set when they close.
    const raw = (socket as { _parent?: Socket })._parent
    if (raw !== undefined) this.pending.delete(raw)
  }

  private reload(): void {
    try {
      this.use(materialOf(this.certificates))
    } catch (error) {
      this.failedRotations++
      this.onError(error)
    }
  }

  private use(material: Material): void {
    this.contexts.use(material)
    this.server.setSecureContext(this.contexts.usual)
    this.rotations++
    this.onRotated()
  }
}

/** Whether the client speaks HTTP/2 over this connection. */
export function speaksHttp2(socket: Socket): socket is TLSSocket {
  return socket instanceof TLSSocket && socket.alpnProtocol === 'h2'
}

/** What `rotate` keeps of the certificates before: authorities and names that it is told nothing of. */
function keptOf({ ca, caFile, sni }: Certificates, next: Certificates): Certificates {
  const isNewCa = next.ca !== undefined || next.caFile !== undefined
  return {
    ...(!isNewCa && ca !== undefined && { ca }),
    ...(!isNewCa && caFile !== undefined && { caFile }),
    ...(sni !== undefined && { sni }),
  }
}

function reasonOf(error: Error & { code?: string; reason?: string }, socket: TLSSocket): string {
  // A certificate that no authority has signed: the connection was closed, and that is all that the error says.
  const { authorizationError } = socket as { authorizationError?: Error | string | null }
  if (authorizationError !== undefined && authorizationError !== null)
    return `client certificate: ${String(authorizationError)}`
  return error.reason ?? error.message
}
