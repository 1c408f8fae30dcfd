import { once } from 'node:events'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'

/** Types of frames. Source: RFC 9113, 6. */
export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
type Type = keyof typeof types

export const flags = { endStream: 1, ack: 1, endHeaders: 4 } as const

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function frame(
  type: Type,
  flag: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = types[type]
  head[4] = flag
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Fields as they are, each one a literal that goes into no table. Source: RFC 7541, 6.2.2. */
export function encodeFields(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0), ...[name, value].flatMap((text) => literal(text))]),
  )
}

function literal(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  return [integer(bytes.length), bytes]
}

function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

export const get: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'localhost'],
  [':path', '/'],
]

/** A whole request without a body. */
export function request(stream: number, fields = get): Buffer {
  return frame('headers', flags.endStream | flags.endHeaders, stream, encodeFields(fields))
}

export function reset(stream: number, code = 8): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return frame('reset', 0, stream, payload)
}

/** @param values pairs of an identifier and its value. */
export function settings(...values: (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(values.length * 6)
  for (const [i, [id, value]] of values.entries()) {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  }
  return frame('settings', 0, 0, payload)
}

/** A client that sends the frames it is told to, whether or not that makes sense. */
export class RawHttp2 {
  readonly frames: Frame[] = []
  private bytes: Buffer = Buffer.alloc(0)
  private wake: () => void = () => {}
  isClosed = false

  private constructor(readonly socket: TLSSocket) {
    socket.on('data', (bytes: Buffer) => this.received(bytes))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
      this.wake()
    })
  }

  /** Connects, and has sent the preface and its settings. */
  static async connect(
    port: number,
    ca: string,
    options: ConnectionOptions = {},
    first = settings(),
  ): Promise<RawHttp2> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca,
      ALPNProtocols: ['h2'],
      ...options,
    })
    const client = new RawHttp2(socket)
    await once(socket, 'secureConnect')
    client.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), first)
    return client
  }

  send(...frames: Buffer[]): this {
    this.socket.write(Buffer.concat(frames))
    return this
  }

  /** The first frame like this, once it has come; `undefined` if the connection ends before. */
  async find(matches: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (let seen = 0; ; ) {
      for (; seen < this.frames.length; seen++) {
        const each = this.frames[seen]
        if (each !== undefined && matches(each)) return each
      }
      if (this.isClosed) return undefined
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }

  /** The code with which a stream was reset. */
  async resetOf(stream: number): Promise<number | undefined> {
    const found = await this.find((each) => each.type === types.reset && each.stream === stream)
    return found?.payload.readUInt32BE(0)
  }

  /** What the connection was ended with: the code, and the last stream that was looked at. */
  async goaway(): Promise<{ code: number; last: number } | undefined> {
    const found = await this.find((each) => each.type === types.goaway)
    return found && { code: found.payload.readUInt32BE(4), last: found.payload.readUInt32BE(0) }
  }

  /** Once the head of a response, or its end, has come. */
  async answered(stream: number): Promise<boolean> {
    return (await this.find((each) => each.type === types.headers && each.stream === stream)) !== undefined
  }

  async closed(): Promise<void> {
    while (!this.isClosed)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
  }

  close(): void {
    this.socket.destroy()
  }

  private received(bytes: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, bytes])
    for (;;) {
      if (this.bytes.length < 9) break
      const length = this.bytes.readUIntBE(0, 3)
      if (this.bytes.length < 9 + length) break
      const [type = 0, flag = 0] = this.bytes.subarray(3, 5)
      this.frames.push({
        type,
        flags: flag,
        stream: this.bytes.readUInt32BE(5),
        payload: this.bytes.subarray(9, 9 + length),
      })
      this.bytes = this.bytes.subarray(9 + length)
    }
    this.wake()
  }
}
