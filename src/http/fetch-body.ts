import { Readable } from 'node:stream'
import { platform } from './fetch-platform.js'

/** Where the bytes of a body come from. */
export interface BodyContent {
  /** There is no body, which is not the same as an empty one. */
  readonly isNull: boolean
  /** The stream that it is; `undefined` for what is known otherwise. */
  readonly given: ReadableStream<Uint8Array> | undefined
  /** The Content-Type: how a form is written, and what a blob is; empty where nobody says. */
  readonly type: string
  /** All of it, at once. */
  load(): Promise<Uint8Array>
  /** The same as a stream. Nothing is fetched before the stream is read. */
  open(): ReadableStream<Uint8Array>
}

/**
 * The body of a light Request or Response. It is read once: as a whole from where it comes, without a stream, or as a
 * stream, which is made when somebody asks for it.
 */
export class LightBody {
  private content: BodyContent
  private stream: ReadableStream<Uint8Array> | undefined
  private isRead: boolean

  /** @param stream one that holds the same, if somebody has made it already. */
  constructor(content: BodyContent, stream: ReadableStream<Uint8Array> | undefined = content.given) {
    this.content = content
    this.stream = stream
    this.isRead = false
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.content.isNull) return null
    this.stream ??= this.isRead ? usedUp() : this.content.open()
    return this.stream
  }

  get bodyUsed(): boolean {
    return this.isRead || (this.stream !== undefined && isDisturbed(this.stream))
  }

  text(): Promise<string> {
    return this.read(decodeText)
  }

  json(): Promise<unknown> {
    return this.read((bytes) => JSON.parse(decodeText(bytes)))
  }

  bytes(): Promise<Uint8Array> {
    return this.read((bytes) => new Uint8Array(bytes))
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.read((bytes) => new Uint8Array(bytes).buffer)
  }

  blob(): Promise<Blob> {
    return this.read((bytes) => this.asResponse(bytes).blob())
  }

  formData(): Promise<FormData> {
    return this.read((bytes) => this.asResponse(bytes).formData())
  }

  /** @throws TypeError if it has been read, or somebody is about to. */
  checkUsable(): void {
    if (this.bodyUsed || this.stream?.locked === true)
      throw new TypeError('Body is unusable: Body has already been read')
  }

  /** Splits it in two: the stream that this one goes on with, and another. @throws TypeError if it has been read. */
  tee(): ReadableStream<Uint8Array> | null {
    this.checkUsable()
    const { body } = this
    if (body === null) return null
    const [mine, other] = body.tee()
    this.stream = mine
    this.content = new GivenStream(mine, this.content)
    return other
  }

  /**
   * Takes all of it, for somebody who knows what the content is.
   * @returns the stream that has to be read for it, if there is no other way.
   * @throws TypeError if it has been read.
   */
  take(): ReadableStream<Uint8Array> | undefined {
    this.checkUsable()
    const { given } = this.content
    if (given !== undefined) return given
    this.isRead = !this.content.isNull
    this.stream?.getReader() // nobody else may read it now
    return undefined
  }

  private read<T>(convert: (bytes: Uint8Array) => T | PromiseLike<T>): Promise<T> {
    try {
      this.take()
    } catch (error) {
      return Promise.reject(error)
    }
    return this.content.load().then(convert)
  }

  private asResponse(bytes: Uint8Array): Response {
    const { type } = this.content
    return new (platform().Response)(bytes, type === '' ? {} : { headers: { 'content-type': type } })
  }
}

/** A body that somebody gives as a stream. */
export class GivenStream implements BodyContent {
  readonly isNull = false

  constructor(
    readonly given: ReadableStream<Uint8Array>,
    private readonly typed: { readonly type: string },
  ) {}

  get type(): string {
    return this.typed.type
  }

  async load(): Promise<Uint8Array> {
    return new Uint8Array(await new (platform().Response)(this.given).arrayBuffer())
  }

  open(): ReadableStream<Uint8Array> {
    return this.given
  }
}

/** Somebody has read some of it, or canceled it. */
export function isDisturbed(stream: ReadableStream): boolean {
  // Node's types leave out that it takes these streams as well: https://nodejs.org/api/stream.html
  return Readable.isDisturbed(stream as unknown as Readable)
}

/** Bytes as `text()` reads them: UTF-8, what is malformed replaced, without a byte order mark. */
function decodeText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** A stream that fetches a piece when it is asked for one; `undefined` ends it. */
export function pulledStream(
  pull: () => PromiseLike<Uint8Array | undefined> | Uint8Array | undefined,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await pull()
        if (piece === undefined) controller.close()
        else controller.enqueue(piece)
      },
    },
    { highWaterMark: 0 },
  )
}

/** What is left of a body that has been read: a stream that has ended, and is held. */
function usedUp(): ReadableStream<Uint8Array> {
  const stream = pulledStream(() => undefined)
  void stream.getReader().cancel()
  return stream
}
