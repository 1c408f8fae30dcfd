import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { SluiceError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { type ResponseInfo, ResponseReader } from './response-reader.js'
import type { Target } from './target.js'

/** A request got no response: `kind` is the short text that a report counts it by. */
export class RequestError extends SluiceError {
  readonly code = 'ERR_SLUICE_REQUEST'

  constructor(
    readonly kind: string,
    cause?: unknown,
    /** It went wrong before the connection was open. */
    readonly whileConnecting = false,
  ) {
    super(kind, { cause })
  }
}

/**
 * A connection that carries one request at a time. What happens on the socket ends the operation that waits for it:
 * `open` or `exchange`.
 */
export class Connection {
  private socket: Socket | undefined = undefined
  private readonly reader: ResponseReader
  private pending: Opening | Exchange | undefined = undefined
  private usable = false
  private cutOff = false

  constructor(readonly target: Target) {
    this.reader = new ResponseReader(target.method === 'HEAD')
  }

  /** Whether the next request can go out at once. */
  get isOpen(): boolean {
    return this.usable
  }

  /** Whether it was given up with a request under way. */
  get wasCutOff(): boolean {
    return this.cutOff
  }

  /** When the operation that waits now began, in milliseconds of `performance.now()`; `undefined` if none waits. */
  get waitingSince(): number | undefined {
    return this.pending?.startedMs
  }

  /** Connects. Throws `RequestError`. */
  open(): Operation<void> {
    return new Opening(this)
  }

  /** Sends the request and waits for its response. Throws `RequestError`. */
  exchange(): Operation<ResponseInfo> {
    return new Exchange(this)
  }

  /** Gives up on whatever waits now. */
  expire(): void {
    this.drop(new RequestError('timeout'))
  }

  close(): void {
    this.usable = false
    this.socket?.destroy()
    this.socket = undefined
  }

  /** @internal */
  start(pending: Opening | Exchange): void {
    pending.startedMs = performance.now()
    this.pending = pending
    if (pending instanceof Opening) this.dial()
    else this.socket?.write(this.target.request)
  }

  /** @internal */
  abandon(): void {
    this.cutOff = this.pending instanceof Exchange
    this.pending = undefined
    this.close()
  }

  private dial(): void {
    const { host, port, tls } = this.target
    const socket = tls
      ? connectTls({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
      : connectTcp({ host, port })
    this.socket = socket
    socket.setNoDelay(true)
    socket.on(tls ? 'secureConnect' : 'connect', () => this.opened())
    socket.on('data', (chunk: Buffer) => this.received(chunk))
    socket.on(
      'error',
      (error: NodeJS.ErrnoException) => socket === this.socket && this.drop(requestError(error)),
    )
    socket.on('close', () => socket === this.socket && this.closed())
  }

  private opened(): void {
    this.usable = true
    const { pending } = this
    this.pending = undefined
    if (pending instanceof Opening) pending.complete()
  }

  private received(chunk: Buffer): void {
    const { pending } = this
    try {
      if (!(pending instanceof Exchange)) throw new RequestError('bytes that nobody asked for')
      const response = this.reader.read(chunk)
      if (response !== undefined) this.respond(pending, response)
    } catch (error) {
      this.drop(
        error instanceof RequestError
          ? error
          : new RequestError(`bad response: ${(error as Error).message}`, error),
      )
    }
  }

  private respond(exchange: Exchange, response: ResponseInfo): void {
    this.pending = undefined
    if (!response.keepAlive) this.close()
    exchange.complete(response)
  }

  private closed(): void {
    const response = this.reader.end()
    if (response !== undefined && this.pending instanceof Exchange) this.respond(this.pending, response)
    else this.drop(new RequestError('connection closed before the response'))
  }

  private drop({ kind, cause }: RequestError): void {
    const { pending } = this
    this.pending = undefined
    this.close()
    pending?.fail(new RequestError(kind, cause, pending instanceof Opening))
  }
}

class Opening extends Operation<void> {
  startedMs = 0

  constructor(private readonly connection: Connection) {
    super()
  }

  override get waitReason(): string {
    return 'connect'
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {
    this.connection.start(this)
  }

  override unpark(): void {
    this.connection.abandon()
  }
}

class Exchange extends Operation<ResponseInfo> {
  startedMs = 0

  constructor(private readonly connection: Connection) {
    super()
  }

  override get waitReason(): string {
    return 'http response'
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {
    this.connection.start(this)
  }

  override unpark(): void {
    this.connection.abandon()
  }
}

const kinds: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connect timeout',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host not found',
  EHOSTUNREACH: 'host unreachable',
  EMFILE: 'too many open files: raise ulimit -n or lower -c',
}

function requestError(error: NodeJS.ErrnoException): RequestError {
  const { code, message } = 'errors' in error ? ((error as AggregateError).errors[0] as typeof error) : error
  return new RequestError(kinds[code ?? ''] ?? (code === undefined ? message : `${code}: ${message}`), error)
}
