import { once } from 'node:events'
import { lstat, unlink } from 'node:fs/promises'
import {
  type AddressInfo,
  connect,
  createServer,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net'
import { ArgumentError, SluiceError } from '../runtime/errors.js'
import { Operation } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { type Scheduler, scheduler } from '../runtime/scheduler.js'
import { duplicates } from './duplicate.js'

/** Where to listen: one of `port`, `path` and `fd`. */
export interface Endpoint {
  /** A TCP port; 0 takes any free one. */
  port?: number
  /** The address to listen on, of all that the machine has; every one by default. */
  host?: string
  /** A Unix socket. One that a process left behind which no longer lives is replaced. */
  path?: string
  /** A descriptor that listens already: inherited, or another thread's. */
  fd?: number
  /** Connections that wait to be accepted: 4,096 by default, or what the kernel allows if that is less. */
  backlog?: number
}

/** Where a server listens. */
export type Address =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined }

/** It is impossible to listen there. `cause` is the system's error. */
export class ListenError extends SluiceError {
  readonly code = 'ERR_SLUICE_LISTEN'

  /** @param address as text: `127.0.0.1:8080`, `/run/app.sock`, `descriptor 3`. */
  constructor(
    readonly address: string,
    problem: string,
    cause?: unknown,
  ) {
    super(`cannot listen on ${address}: ${problem}`, cause === undefined ? undefined : { cause })
  }
}

/** Makes the server whose connections are wanted: of `node:net`, or of `node:tls`. */
export type ServerFactory = (onSocket: (socket: Socket) => void) => Server

const mostWaiting = 4096
/** What fits into `sockaddr_un`, less its end. */
const longestPathBytes = process.platform === 'darwin' ? 103 : 107

/** Accepts connections: TCP, Unix sockets, or those of a descriptor that listens already. */
export class Listener {
  private readonly on: Scheduler
  private readonly server: Server
  private bound: Address | undefined

  /**
   * @param onSocket gets each connection, inside a turn of the scheduler.
   * @param onError gets what goes wrong with accepting after `open` has succeeded.
   * @throws ArgumentError if `endpoint` says no place, several, or one that cannot be.
   */
  constructor(
    private readonly endpoint: Endpoint,
    private readonly onSocket: (socket: Socket) => void,
    {
      create = plainServer,
      onError = () => {},
    }: { create?: ServerFactory; onError?: (error: Error) => void } = {},
  ) {
    checkEndpoint(endpoint)
    this.on = scheduler()
    this.bound = undefined
    this.server = create((socket) => this.accepted(socket))
    this.server.on('error', (error) => this.bound !== undefined && onError(error))
  }

  /** Where it listens, once it does: the port that was found, if 0 was asked for. */
  get address(): Address | undefined {
    return this.bound
  }

  /** The descriptor that listens, for another thread or process; `undefined` before it does, and on Windows. */
  get fd(): number | undefined {
    // Not in Node's types; a handle without a descriptor has -1.
    const fd = (this.server as { _handle?: { fd?: number } | null })._handle?.fd
    return fd === undefined || fd < 0 ? undefined : fd
  }

  /** Begins to accept. Throws `ListenError`. A wait that is given up stops the listener. */
  open(): Operation<Address> {
    return new Opening(this)
  }

  /** More descriptors of the socket that listens, for as many threads, which close them when they end. */
  duplicates(count: number): Operation<number[]> {
    return wait(duplicates(this.server, count))
  }

  /** Accepts no more. Connections stay. */
  stop(): void {
    this.bound = undefined
    this.server.close()
  }

  /** @internal */
  async begin(): Promise<Address> {
    try {
      await this.listen()
    } catch (error) {
      if (!(await this.isLeftBehind(error))) throw listenError(this.endpoint, error)
      await this.replace()
    }
    this.bound = addressOf(this.server, this.endpoint)
    return this.bound
  }

  private async listen(): Promise<void> {
    const { port, host, path, fd, backlog = mostWaiting } = this.endpoint
    const options: ListenOptions & { fd?: number } = { backlog }
    if (fd !== undefined) options.fd = fd
    else if (path !== undefined) options.path = path
    else {
      options.port = port ?? 0
      if (host !== undefined) options.host = host
    }
    const listening = once(this.server, 'listening')
    this.server.listen(options)
    await listening
  }

  private async replace(): Promise<void> {
    try {
      await unlink(this.endpoint.path ?? '')
      await this.listen()
    } catch (error) {
      throw listenError(this.endpoint, error)
    }
  }

  /** Whether the place is taken by the file of a socket that nobody listens on. */
  private async isLeftBehind(error: unknown): Promise<boolean> {
    const { path } = this.endpoint
    if (codeOf(error) !== 'EADDRINUSE' || path === undefined || path.startsWith('\0')) return false
    // A file of another kind refuses connections as well, and must not be lost.
    const isSocket = await lstat(path).then(
      (file) => file.isSocket(),
      () => false,
    )
    return isSocket && !(await isAlive(path))
  }

  private accepted(socket: Socket): void {
    const isTurn = this.on.beginEvent()
    try {
      this.onSocket(socket)
      this.on.expectMore() // libuv accepts one connection a poll
    } finally {
      if (isTurn) this.on.endEvent()
    }
  }
}

class Opening extends Operation<Address> {
  private isGivenUp = false

  constructor(private readonly listener: Listener) {
    super()
  }

  override get waitReason(): string {
    return 'listen'
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {
    const on = scheduler()
    on.externals++ // a virtual clock stands still meanwhile
    void this.listener.begin().then(
      (address) => {
        on.externals--
        if (this.isGivenUp) this.listener.stop()
        else this.complete(address)
      },
      (error: unknown) => {
        on.externals--
        if (!this.isGivenUp) this.fail(error)
      },
    )
  }

  override unpark(): void {
    this.isGivenUp = true
  }
}

function plainServer(onSocket: (socket: Socket) => void): Server {
  // Half open: a peer that has sent all may still read the answers. What answers in one write needs no Nagle.
  return createServer({ noDelay: true, allowHalfOpen: true }, onSocket)
}

/** Whether somebody accepts connections on a Unix socket. */
async function isAlive(path: string): Promise<boolean> {
  const socket = connect({ path })
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    return codeOf(error) !== 'ECONNREFUSED' // one with a full backlog, say, lives
  } finally {
    socket.destroy()
  }
}

function checkEndpoint({ port, host, path, fd }: Endpoint): void {
  const given = [port, path, fd].filter((each) => each !== undefined).length
  if (given > 1 || (host !== undefined && port === undefined && given > 0)) {
    throw new ArgumentError('listen: give one of port (with or without host), path and fd, not several')
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new ArgumentError(`listen: port is a whole number from 0 to 65535, not ${String(port)}`)
  }
  // The system would cut a longer one, and listen elsewhere without a word.
  if (path !== undefined && (path === '' || Buffer.byteLength(path) > longestPathBytes)) {
    throw new ArgumentError(
      `listen: path is the name of a socket of 1 to ${longestPathBytes} bytes, not '${path}'`,
    )
  }
  if (fd !== undefined && !(Number.isInteger(fd) && fd >= 0)) {
    throw new ArgumentError(`listen: fd is the number of a descriptor, not ${String(fd)}`)
  }
}

function addressOf(server: Server, { path }: Endpoint): Address {
  const address = server.address() as AddressInfo | string | null
  if (address !== null && typeof address === 'object') return { host: address.address, port: address.port }
  return { path: path ?? address ?? '' }
}

/** An address as people write it: `127.0.0.1:8080`, `[::1]:8080`, `/run/app.sock`. */
export function addressText({
  host = '',
  port,
  path,
}: {
  host?: string | undefined
  port?: number | undefined
  path?: string | undefined
}): string {
  if (path !== undefined) return path
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function listenError(endpoint: Endpoint, cause: unknown): ListenError {
  const { port = 0, host = '*', path, fd } = endpoint
  const address =
    fd !== undefined
      ? `descriptor ${fd}`
      : path !== undefined
        ? path.replace('\0', '@')
        : addressText({ host, port })
  return new ListenError(address, problemOf(endpoint, cause), cause)
}

/** What is wrong, and what to do. */
function problemOf({ port, host, path, fd }: Endpoint, cause: unknown): string {
  switch (codeOf(cause)) {
    case 'EADDRINUSE':
      return path === undefined
        ? 'another server listens there: stop it, or choose another port; port 0 takes any free one'
        : 'another server listens there, or it is a file of another kind: stop it, or choose another path'
    case 'EACCES':
    case 'EPERM':
      return path === undefined && port !== undefined && port < 1024
        ? 'permission denied: a port below 1024 needs a privilege (CAP_NET_BIND_SERVICE), one from 1024 does not'
        : 'permission denied, or its folder does not exist: make the folder, change its rights, or choose another place'
    case 'EADDRNOTAVAIL':
      return `this machine has no address ${host}: leave host out to listen on all that it has`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `no address is known for the name ${host}: give an address, or leave host out to listen on all`
    case 'EEXIST':
      return 'this thread listens on it already: give each thread a descriptor of its own, as duplicates() makes them'
    case 'EBADF':
    case 'EINVAL':
    case 'ENOTSOCK':
      return fd === undefined
        ? messageOf(cause)
        : 'it is no socket that listens: pass the descriptor of a bound socket, such as listener.fd'
    default:
      return messageOf(cause)
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
