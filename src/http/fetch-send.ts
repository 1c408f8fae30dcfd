import { HttpResponse } from './response.js'

/** The response to send for a `Response` of the platform, or of another library that has the same parts. */
export async function fromPlatform(response: Response): Promise<HttpResponse> {
  const { body, status, headers } = response
  if (response.bodyUsed || body?.locked === true)
    throw new TypeError('Body is unusable: Body has already been read')
  const list: string[] = []
  for (const [name, value] of headers) list.push(name, value)
  const made = new HttpResponse(status, body === null ? undefined : await new StreamBody(body).atOnce())
  addHeaders(made, list)
  return made
}

/** @param list names and values by turns. */
export function addHeaders(response: HttpResponse, list: readonly string[]): void {
  const { headers } = response
  for (let i = 0; i < list.length; i += 2) headers.append(list[i] as string, list[i + 1] as string)
}

/** A body that is asked for by nobody: a response to HEAD, whose length is not known. */
export const unread: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }

/** Pieces that are looked at: more may be much more. */
const mostEarly = 2
/** Microtasks after which a stream that gives nothing is one that waits for something. */
const patience = 16

/**
 * The stream of a response, read as fast as the client takes it, and canceled when that leaves. An async generator would
 * not do: its `return` waits for the piece that it is waiting for, which may never come.
 */
export class StreamBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  private readonly reader: ReadableStreamDefaultReader<unknown>
  private readonly early: Uint8Array[]
  private pending: Promise<IteratorResult<Uint8Array, undefined>> | undefined

  constructor(stream: ReadableStream) {
    this.reader = stream.getReader()
    this.early = []
    this.pending = undefined
  }

  /** The whole body, if all of it is there already, as it is for one made of a text; otherwise this. */
  async atOnce(): Promise<Uint8Array | this> {
    while (this.early.length <= mostEarly) {
      const pending = this.read()
      let result: IteratorResult<Uint8Array, undefined> | undefined
      pending.then((found) => {
        result = found
      }, ignore)
      for (let i = 0; result === undefined && i < patience; i++) await undefined
      if (result === undefined) {
        this.pending = pending
        return this
      }
      if (result.done === true)
        return this.early.length === 1 ? (this.early[0] as Uint8Array) : Buffer.concat(this.early)
      this.early.push(result.value)
    }
    return this
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = this.early.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    const { pending } = this
    this.pending = undefined
    return pending ?? this.read()
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.reader.cancel()
    return { done: true, value: undefined }
  }

  private async read(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { done, value } = await this.reader.read()
    if (done) return { done: true, value: undefined }
    if (value instanceof Uint8Array) return { done: false, value }
    throw new TypeError(`the stream of a Response gives bytes, not ${typeof value}: encode it as Uint8Array`)
  }
}

function ignore(): void {}
