import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A client that speaks bytes, for tests of what is no good HTTP as well. */
export class RawClient {
  private text = ''
  private wake: () => void = () => {}
  private isClosed = false

  private constructor(readonly socket: Socket) {
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.text += text
      this.wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
      this.wake()
    })
  }

  static async connect(port: number, allowHalfOpen = false): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen, noDelay: true })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Over a connection that is there: of TLS, say. */
  static over(socket: Socket): RawClient {
    return new RawClient(socket)
  }

  /** All that has come so far. */
  get received(): string {
    return this.text
  }

  /** What has come, once `pattern` is in it, and forgets it. Fails if the connection closes before. */
  async until(pattern: RegExp | string): Promise<string> {
    for (;;) {
      const found = typeof pattern === 'string' ? this.text.includes(pattern) : pattern.test(this.text)
      if (found) return this.take()
      if (this.isClosed) throw new Error(`closed before ${pattern}: ${JSON.stringify(this.text)}`)
      await this.change()
    }
  }

  /** So many whole responses, each a head and its Content-Length of bytes. */
  async responses(count: number): Promise<Response[]> {
    const found: Response[] = []
    for (;;) {
      for (let next = this.shiftResponse(); next !== undefined; next = this.shiftResponse()) found.push(next)
      if (found.length >= count) return found
      if (this.isClosed)
        throw new Error(`closed after ${found.length} of ${count} responses: ${JSON.stringify(this.text)}`)
      await this.change()
    }
  }

  /** All that came until the connection was closed. */
  async closed(): Promise<string> {
    while (!this.isClosed) await this.change()
    return this.take()
  }

  close(): void {
    this.socket.destroy()
  }

  private take(): string {
    const all = this.text
    this.text = ''
    return all
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }

  private shiftResponse(): Response | undefined {
    const end = this.text.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const head = this.text.slice(0, end)
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
    if (this.text.length < end + 4 + length) return undefined
    const body = this.text.slice(end + 4, end + 4 + length)
    this.text = this.text.slice(end + 4 + length)
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head, body }
  }
}

export interface Response {
  readonly status: number
  readonly head: string
  readonly body: string
}
