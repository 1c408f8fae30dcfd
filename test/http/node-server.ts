/** What node:http makes of raw bytes: a real server on the loopback, and a connection for each input. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface NodeOutcome {
  /** Method and target of the requests whose head has come. */
  readonly heads: string[]
  /** Their bodies, of those that are whole. */
  readonly bodies: string[]
  /** `''`, `'incomplete'` for what was cut off, or the code of what was refused. */
  refusal: string
}

export class NodeServer {
  private readonly server: Server
  /** By the port of the client. */
  private readonly outcomes = new Map<number, NodeOutcome>()

  constructor() {
    this.server = createServer({ insecureHTTPParser: false })
    this.server.on('request', (req, res) => this.take(req, res))
    this.server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
      res.writeContinue()
      this.take(req, res)
    })
    this.server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
      this.outcomeOf(req.socket).refusal ||= 'expectation'
      res.writeHead(417, { connection: 'close' }).end()
    })
    this.server.on('connect', (req: IncomingMessage, socket: Socket) => {
      this.outcomeOf(socket).heads.push(`${req.method} ${req.url}`)
      socket.destroy()
    })
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const isCutOff = error.code === 'HPE_INVALID_EOF_STATE'
      this.outcomeOf(socket).refusal ||= isCutOff ? 'incomplete' : String(error.code)
      socket.destroy()
    })
  }

  async listen(): Promise<void> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening')
  }

  async close(): Promise<void> {
    await once(this.server.close(), 'close')
  }

  /** Sends the bytes and then the end, and waits until both sides are done. */
  async send(bytes: Uint8Array): Promise<NodeOutcome> {
    const { port } = this.server.address() as AddressInfo // It listens on a port.
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    const local = socket.localPort ?? 0
    const outcome: NodeOutcome = { heads: [], bodies: [], refusal: '' }
    this.outcomes.set(local, outcome)
    let answers = ''
    socket.on('data', (data) => {
      answers += data.toString('latin1')
    })
    socket.on('error', () => {}) // A server that refuses may reset the connection.
    socket.end(bytes)
    await new Promise((resolve) => socket.on('close', resolve))
    this.outcomes.delete(local)
    // Node answers a missing Host itself, and tells nobody.
    if (outcome.refusal === '' && /^HTTP\/1\.1 400 /m.test(answers)) outcome.refusal = 'no Host'
    return outcome
  }

  private take(req: IncomingMessage, res: ServerResponse): void {
    const { heads, bodies } = this.outcomeOf(req.socket)
    const index = heads.push(`${req.method} ${req.url}`) - 1
    let body = ''
    req.on('data', (part: Buffer) => {
      body += part.toString('latin1')
    })
    req.on('end', () => {
      bodies[index] = body
      // With a length, or else node closes connections of HTTP/1.0.
      res.writeHead(200, { 'content-length': 0 }).end()
    })
    req.on('error', () => {})
  }

  private outcomeOf(socket: Socket): NodeOutcome {
    const outcome = this.outcomes.get(socket.remotePort ?? 0)
    return outcome ?? { heads: [], bodies: [], refusal: '' } // of a socket that is gone
  }
}
