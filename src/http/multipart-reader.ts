import type { RecvChan } from '../runtime/chan.js'
import { MisuseError } from '../runtime/errors.js'
import { safeFileName } from './file-name.js'
import { HttpError } from './http-error.js'
import type { FieldPart, FilePart, MultipartLimits, Part } from './multipart.js'
import { Feed, Pulled } from './multipart-feed.js'
import type { PartEvent } from './multipart-parser.js'
import { checkCharset, malformedPart, type PartHead, partHead } from './part-head.js'

const nothingMore: IteratorResult<never, undefined> = { done: true, value: undefined }

/** The parts of a body, made of the events of the parser. */
export class MultipartReader extends Pulled<Part> {
  private found: IteratorResult<Part, undefined> | undefined = undefined
  /** The part that is being read. */
  private field: Field | undefined = undefined
  private file: FileBody | undefined = undefined
  private files = 0
  private fields = 0

  constructor(
    source: RecvChan<Uint8Array>,
    boundary: string,
    private readonly limits: Required<MultipartLimits>,
  ) {
    super(new Feed(source, boundary))
  }

  override find(): IteratorResult<Part, undefined> | undefined {
    this.found ??= this.feed.guard(() => this.search())
    return this.found
  }

  override take(): void {
    if (this.found?.done !== true) this.found = undefined
  }

  private search(): IteratorResult<Part, undefined> | undefined {
    const { parser } = this.feed
    if (this.file?.passOver() === false) return undefined
    this.file = undefined
    for (let event = parser.events.shift(); event !== undefined; event = parser.events.shift()) {
      const part = this.read(event)
      if (part !== undefined) return { done: false, value: part }
    }
    return parser.isComplete ? nothingMore : undefined
  }

  private read(event: PartEvent): Part | undefined {
    switch (event.kind) {
      case 'part':
        return this.begin(partHead(event.headers))
      case 'data':
        this.field?.add(event.bytes)
        return undefined
      case 'end':
        return this.field?.end()
    }
  }

  private begin({
    name,
    filename,
    contentType = 'application/octet-stream',
    charset,
  }: PartHead): FilePart | undefined {
    const { limits } = this
    const isFile = filename !== undefined
    if (isFile && ++this.files > limits.maxFiles) throw tooLarge(`more than ${limits.maxFiles} files`)
    if (!isFile && ++this.fields > limits.maxFields) throw tooLarge(`more than ${limits.maxFields} fields`)
    if (this.files + this.fields > limits.maxParts) throw tooLarge(`more than ${limits.maxParts} parts`)
    if (!isFile) {
      checkCharset(charset)
      this.field = new Field(name, limits.maxFieldBytes)
      return undefined
    }
    this.field = undefined
    this.file = new FileBody(this.feed, limits.maxFileBytes)
    return { kind: 'file', name, filename: safeFileName(filename), contentType, body: this.file }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A field while it comes in. */
class Field {
  private readonly pieces: Uint8Array[] = []
  private sizeBytes = 0

  constructor(
    private readonly name: string,
    private readonly maxBytes: number,
  ) {}

  add(bytes: Uint8Array): void {
    this.sizeBytes += bytes.length
    if (this.sizeBytes > this.maxBytes) throw tooLarge(`a field of more than ${this.maxBytes} bytes`)
    this.pieces.push(bytes)
  }

  end(): FieldPart {
    try {
      return { kind: 'field', name: this.name, value: utf8.decode(Buffer.concat(this.pieces)) }
    } catch {
      throw malformedPart('that is not UTF-8')
    }
  }
}

/** The bytes of a file, until the next part is asked for. */
class FileBody extends Pulled<Uint8Array> {
  private found: IteratorResult<Uint8Array, undefined> | undefined = undefined
  private sizeBytes = 0
  /** Some of it was passed over. */
  private isCut = false

  constructor(
    feed: Feed,
    private readonly maxBytes: number,
  ) {
    super(feed)
  }

  override find(): IteratorResult<Uint8Array, undefined> | undefined {
    if (this.isCut) throw passedOver()
    this.found ??= this.feed.guard(() => this.search())
    return this.found
  }

  override take(): void {
    if (this.found?.done !== true) this.found = undefined
  }

  /** Drops what has come of it and was not read; true once that was the last. */
  passOver(): boolean {
    this.found ??= this.search()
    while (this.found?.done === false) {
      this.isCut = true
      this.found = this.search()
    }
    return this.found?.done === true
  }

  private search(): IteratorResult<Uint8Array, undefined> | undefined {
    const event = this.feed.parser.events.shift()
    if (event === undefined) return undefined
    if (event.kind !== 'data') return nothingMore
    this.sizeBytes += event.bytes.length
    if (this.sizeBytes > this.maxBytes) throw tooLarge(`a file of more than ${this.maxBytes} bytes`)
    return { done: false, value: event.bytes }
  }
}

function passedOver(): MisuseError {
  return new MisuseError(
    'the body of a file can be read until the next part is asked for: read it, or keep its bytes',
  )
}

function tooLarge(what: string): HttpError {
  return new HttpError(413, `the multipart body has ${what}`)
}
