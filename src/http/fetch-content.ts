import { type BodyContent, pulledStream } from './fetch-body.js'

/** A body that is known; `null` where there is none. */
export type Source = string | Uint8Array | null

/** What the streams hold that were made of texts and bytes: what is sent unread need not be read. */
const sources = new WeakMap<ReadableStream, Source>()

/** What a stream was made of; `undefined` if somebody else has made it. */
export function sourceOf(stream: ReadableStream): Source | undefined {
  return sources.get(stream)
}

/** The Content-Type of a response as it is when somebody asks. */
export class TypeOf {
  constructor(private readonly response: { readonly headers: Headers }) {}

  get type(): string {
    return this.response.headers.get('content-type') ?? ''
  }
}

/** A body that is known. */
export class StaticContent extends TypeOf implements BodyContent {
  readonly given = undefined

  constructor(
    private readonly source: Source,
    response: { readonly headers: Headers },
  ) {
    super(response)
  }

  get isNull(): boolean {
    return this.source === null
  }

  async load(): Promise<Uint8Array> {
    return bytesOf(this.source)
  }

  open(): ReadableStream<Uint8Array> {
    let rest: Source = this.source
    const stream = pulledStream(() => {
      const bytes = bytesOf(rest)
      rest = null
      return bytes.length === 0 ? undefined : bytes
    })
    sources.set(stream, this.source)
    return stream
  }
}

function bytesOf(source: Source): Uint8Array {
  return typeof source === 'string' ? new Uint8Array(Buffer.from(source)) : new Uint8Array(source ?? [])
}
