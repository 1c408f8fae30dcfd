/** What node:http makes of raw bytes: a real server on the loopback, and a socket for each input. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface NodeOutcome {
  /** Method and target of the requests whose head has come. */
  heads: string[]
  /** Bodies, of those that are whole. */
  bodies: string[]
  /** The code of what was refused; `''` for nothing, `'incomplete'` for what was cut off. */
  refusal: string
}

/** The server's `clientError` for a message that the client's end has cut off. */
const cutOff = 'HPE_INVALID_EOF_STATE'

export class NodeServer {
  private readonly server: Server
  private readonly outcomes = new Map<Socket, NodeOutcome>()
  private readonly waiting = new Map<number, (outcome: NodeOutcome) => void>()

  constructor() {
    this.server = createServer({ insecureHTTPParser: false, keepAliveTimeout: 0 })
    this.server.on('connection', (socket: Socket) => this.enter(socket))
    this.server.on('request', (req, res) => this.take(req, res))
    this.server.on('checkContinue', (req, res) => this.take(req, res))
    this.server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
      this.outcomeOf(req.socket).refusal ||= 'expectation'
      res.writeHead(417, { connection: 'close' }).end()
    })
    this.server.on('connect', (req: IncomingMessage, socket: Socket) => {
      this.outcomeOf(req.socket).heads.push(`${req.method} ${req.url}`)
      socket.destroy()
    })
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.outcomeOf(socket).refusal ||= error.code === cutOff ? 'incomplete' : String(error.code)
      socket.destroy()
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve))
  }

  /** Sends the bytes, then the end, and waits until the server has done with them. */
  send(bytes: Uint8Array): Promise<NodeOutcome> {
    const { port } = this.server.address() as AddressInfo
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => {
        this.waiting.set((socket.address() as AddressInfo).port, (outcome) => {
          socket.destroy()
          resolve(outcome)
        })
        socket.end(bytes)
      })
      socket.on('error', () => {}) // The server's end of it counts.
      let answers = ''
      socket.on('data', (data) => {
        answers += data.toString('latin1')
        // Node answers a missing Host itself, and tells nobody.
        if (answers.includes('HTTP/1.1 400 ')) this.markBare(socket.localPort)
      })
    })
  }

  private readonly sockets = new Map<number, Socket>()

  private markBare(port: number | undefined): void {
    const socket = port === undefined ? undefined : this.sockets.get(port)
    if (socket !== undefined) this.outcomeOf(socket).refusal ||= 'no Host'
  }

  private enter(socket: Socket): void {
    const port = socket.remotePort as number
    this.sockets.set(port, socket)
    socket.on('close', () => {
      const outcome = this.outcomeOf(socket)
      this.outcomes.delete(socket)
      this.sockets.delete(port)
      this.waiting.get(port)?.(outcome)
      this.waiting.delete(port)
    })
  }

  private take(req: IncomingMessage, res: ServerResponse): void {
    const outcome = this.outcomeOf(req.socket)
    outcome.heads.push(`${req.method} ${req.url}`)
    const index = outcome.heads.length - 1
    const parts: Buffer[] = []
    req.on('data', (part: Buffer) => parts.push(part))
    req.on('end', () => {
      outcome.bodies[index] = Buffer.concat(parts).toString('latin1')
      res.end()
    })
    req.on('error', () => {})
  }

  private outcomeOf(socket: Socket): NodeOutcome {
    const known = this.outcomes.get(socket)
    if (known !== undefined) return known
    const outcome: NodeOutcome = { heads: [], bodies: [], refusal: '' }
    this.outcomes.set(socket, outcome)
    return outcome
  }
}
