import { malformedPart } from './part-head.js'
import { Dicer, type PartHeaders, type PartStream } from './vendor/busboy.js'

/** What a body consists of, in order: each part is a `part`, any number of `data` and an `end`. */
export type PartEvent =
  | { readonly kind: 'part'; readonly headers: PartHeaders }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }

/** Header fields of a part: three exist. */
const maxHeaderPairs = 32
const maxHeaderBytes = 16 * 1024

/**
 * Takes a multipart body to pieces: bytes in, events out, at once. (RFC 2046, section 5.1)
 *
 * Dicer is that, wrapped in Node's streams. They are left out here, for a stream ends a tick later or, where a body is
 * malformed, not at all, and holds everything up until somebody reads it. What Dicer pushes into the stream of a part
 * becomes an event, and the part's end is told to it there and then.
 */
export class MultipartParser {
  /** What has been found and not been dealt with; whoever deals with an event takes it away. */
  readonly events: PartEvent[] = []
  private readonly dicer: Dicer
  private fed: Uint8Array | undefined = undefined
  private fault: Error | undefined = undefined
  private complete = false

  constructor(boundary: string) {
    this.dicer = new Dicer({ boundary, maxHeaderPairs, maxHeaderSize: maxHeaderBytes })
      .on('part', (part) => this.follow(part))
      .on('finish', () => this.finish())
      .on('error', (error) => this.refuse(error))
  }

  /** The last boundary has been found: what comes after it means nothing. */
  get isComplete(): boolean {
    return this.complete
  }

  /** @throws HttpError 400 if a part has no header. */
  feed(bytes: Uint8Array): void {
    this.fed = bytes
    this.dicer.write(bytes)
    this.fed = undefined
    if (this.fault !== undefined) throw this.fault
  }

  // Dicer calls back in the middle of its work, where nothing may be thrown.
  private follow(part: PartStream): void {
    let hasHead = false
    part.on('header', (headers) => {
      hasHead = true
      this.events.push({ kind: 'part', headers })
    })
    part.push = (bytes) => {
      if (bytes !== null) this.events.push({ kind: 'data', bytes: this.lasting(bytes) })
      else {
        if (hasHead) this.events.push({ kind: 'end' })
        else this.refuse(malformedPart('without a header'))
        part.emit('end')
      }
      return true
    }
  }

  // What might have been the start of a boundary lies in a buffer of Dicer's own, and whoever gets it may change it.
  private lasting(bytes: Buffer): Uint8Array {
    return bytes.buffer === this.fed?.buffer ? bytes : Uint8Array.from(bytes)
  }

  private finish(): void {
    this.complete = true
  }

  private refuse(error: Error): void {
    this.fault ??= error
  }
}
