import { isDisturbed } from 'node:stream'

/** Bytes as `text()` of fetch reads them: UTF-8, what is malformed replaced, without a byte order mark. */
export function decodeText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** The methods with which a Request or a Response is read. */
export interface Readable {
  readonly body: ReadableStream<Uint8Array> | null
  readonly bodyUsed: boolean
  text(): Promise<string>
  json(): Promise<unknown>
  bytes(): Promise<Uint8Array>
  arrayBuffer(): Promise<ArrayBuffer>
  blob(): Promise<Blob>
  formData(): Promise<FormData>
}

/** Where the bytes of a body come from. */
export interface BodyContent {
  /** All of it, at once. */
  load(): Promise<Uint8Array>
  /** The same as a stream; `null` where there is no body. */
  open(): ReadableStream<Uint8Array> | null
  /** The Content-Type: how a form is written, and what a blob is. */
  type(): string
}

/**
 * The body of a light Request or Response, which is read once: as a whole from where it comes, without a stream, or as a
 * stream, which is made when somebody asks for it and from then on is what the body is.
 */
export class LightBody implements Readable {
  private stream: ReadableStream<Uint8Array> | null | undefined
  private isRead: boolean

  /** @param platform the class that reads forms and blobs. */
  constructor(
    private readonly content: BodyContent,
    private readonly platform: typeof Response,
  ) {
    this.stream = undefined
    this.isRead = false
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.stream === undefined) this.stream = this.isRead ? usedUp() : this.content.open()
    return this.stream
  }

  get bodyUsed(): boolean {
    if (this.stream === null) return false
    return this.isRead || (this.stream !== undefined && isDisturbed(this.stream))
  }

  async text(): Promise<string> {
    return decodeText(await this.read())
  }

  async json(): Promise<unknown> {
    return JSON.parse(decodeText(await this.read()))
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.read())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(await this.read()).buffer
  }

  async blob(): Promise<Blob> {
    return this.over(await this.read()).blob()
  }

  async formData(): Promise<FormData> {
    return this.over(await this.read()).formData()
  }

  /** Two streams of what is the body now; this one keeps the first. @throws TypeError if it has been read. */
  tee(): ReadableStream<Uint8Array> | null {
    const { body } = this
    if (body === null) return null
    if (this.bodyUsed || body.locked) throw unusable()
    const [mine, other] = body.tee()
    this.stream = mine
    return other
  }

  private read(): Promise<Uint8Array> {
    const { stream } = this
    if (stream === null) return Promise.resolve(new Uint8Array(0))
    if (stream === undefined) {
      if (this.isRead) throw unusable()
      this.isRead = true
      return this.content.load()
    }
    if (this.isRead || stream.locked || isDisturbed(stream)) throw unusable()
    return new this.platform(stream).arrayBuffer().then((buffer) => new Uint8Array(buffer))
  }

  private over(bytes: Uint8Array): Response {
    const type = this.content.type()
    return new this.platform(bytes, type === '' ? {} : { headers: { 'content-type': type } })
  }
}

/** A stream of one piece. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  }, { highWaterMark: 0 })
}

/** What is left of a body that has been read: a stream that has ended, and is held. */
function usedUp(): ReadableStream<Uint8Array> {
  const stream = streamOf(new Uint8Array(0))
  stream.getReader()
  return stream
}

export function unusable(): TypeError {
  return new TypeError('Body is unusable: Body has already been read')
}
