import { parseHead, quote, ResponseError, type ResponseHead } from './response-head.js'

/** A response that has arrived as a whole. */
export interface ResponseInfo {
  readonly status: number
  /** Bytes of the body, without its framing. */
  readonly bodyBytes: number
  /** Whether the connection can carry another request. */
  readonly keepAlive: boolean
}

type Phase = 'head' | 'sized' | 'chunk size' | 'chunk' | 'chunk end' | 'trailers' | 'until close' | 'whole'

/** A head, or a line of a chunked body, that is longer than this is refused. */
const longestHeadBytes = 64 * 1024
const emptyBuffer = Buffer.alloc(0)
/** So many bytes tell that no head will come of them, however long one waits. */
const prefix = 'HTTP/1.'

/** A head that was read, and what follows from it. */
interface Head {
  readonly bytes: Buffer
  /** What comes after it. */
  readonly phase: Phase
  /** Its response, where the body is not counted while it comes. */
  readonly info: ResponseInfo
}

const noHead: Head = {
  bytes: emptyBuffer,
  phase: 'head',
  info: { status: 0, bodyBytes: 0, keepAlive: false },
}

/**
 * Reads responses from the bytes of a connection, however they are split: one response for each request, in order
 * (RFC 9112). It keeps no body, only its length; the rest of a head or a line that is split is kept until it is whole.
 *
 * A server's heads are mostly equal, but for a date that changes once a second. So the last one is kept, and a head of
 * the same bytes is not parsed again, which would be most of the work (docs/decisions/0009-load-connection.md).
 */
export class ResponseReader {
  private phase: Phase = 'head'
  private bytes: Buffer = emptyBuffer
  /** How far `bytes` have been read. */
  private at = 0
  /** The last of the bytes before, which had no end yet. */
  private rest: Buffer = emptyBuffer
  private head = noHead
  /** Counted as they come, where the head does not tell how many. */
  private bodyBytes = 0
  /** Bytes that are still to come of a sized body or of a chunk. */
  private missing = 0
  private hasBegun = false

  /** @param headOnly the requests are HEAD, so no body follows, whatever the head says. */
  constructor(private readonly headOnly = false) {}

  /** Whether bytes have come of a response that is not whole yet. */
  get isAmid(): boolean {
    return this.hasBegun
  }

  /** @throws ResponseError if there are bytes that were not read yet: the last response that was asked for is whole. */
  expectEnd(): void {
    if (this.at < this.bytes.length) throw new ResponseError('bytes after the end of the response')
  }

  /** Takes the next bytes; they may be overwritten once `next` has given all that they complete. */
  feed(chunk: Buffer): void {
    this.bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    this.rest = emptyBuffer
    this.at = 0
  }

  /**
   * The next response that the bytes complete; `undefined` when it takes more of them.
   * @throws ResponseError if they are not what RFC 9112 says.
   */
  next(): ResponseInfo | undefined {
    while (this.at < this.bytes.length) {
      this.hasBegun = true
      if (!this.step()) {
        this.keepRest()
        return undefined
      }
      if (this.phase === 'whole') return this.take()
    }
    return undefined
  }

  /** The connection has ended: the response, if that was its end. */
  end(): ResponseInfo | undefined {
    return this.phase === 'until close' ? this.take() : undefined
  }

  private take(): ResponseInfo {
    const { phase, info } = this.head
    this.phase = 'head'
    this.hasBegun = false
    if (phase === 'whole' || phase === 'sized') return info
    return { status: info.status, bodyBytes: this.bodyBytes, keepAlive: info.keepAlive }
  }

  private keepRest(): void {
    if (this.bytes.length - this.at > longestHeadBytes)
      throw new ResponseError('a head or line of more than 64 KiB')
    this.rest = Buffer.from(this.bytes.subarray(this.at))
    this.at = this.bytes.length
  }

  /** One step of the present phase; false if it needs more bytes. */
  private step(): boolean {
    switch (this.phase) {
      case 'head':
        return this.isKnownHead() || this.readHead()
      case 'sized':
      case 'chunk':
        return this.readBody()
      case 'until close':
        this.bodyBytes += this.bytes.length - this.at
        this.at = this.bytes.length
        return true
      default:
        return this.readLine()
    }
  }

  /** Goes past a head of the same bytes as the last one. A loop: a call into the system's memcmp costs more than it. */
  private isKnownHead(): boolean {
    const { bytes, at } = this
    const known = this.head.bytes
    const { length } = known
    if (length === 0 || bytes.length - at < length) return false
    for (let i = 0; i < length; i++) if (bytes[at + i] !== known[i]) return false
    this.goPast(this.head)
    return true
  }

  private goPast(head: Head): void {
    this.head = head
    this.at += head.bytes.length
    this.phase = head.phase
    this.missing = head.info.bodyBytes
    this.bodyBytes = 0
  }

  private readHead(): boolean {
    const { bytes, at } = this
    const begins = prefix.startsWith(bytes.toString('latin1', at, at + prefix.length))
    if (!begins)
      throw new ResponseError(`not an HTTP/1.1 response: ${quote(bytes.toString('latin1', at, at + 24))}`)
    const end = bytes.indexOf('\r\n\r\n', at, 'latin1')
    if (end < 0) return false
    const head = parseHead(bytes.toString('latin1', at, end))
    const phase = this.bodyPhase(head)
    const bodyBytes = phase === 'sized' ? (head.length ?? 0) : 0
    const keepAlive = head.keepAlive && phase !== 'until close'
    const info = { status: head.status, bodyBytes, keepAlive }
    this.goPast({ bytes: Buffer.from(bytes.subarray(at, end + 4)), phase, info })
    return true
  }

  /** How the body is framed: RFC 9112, section 6.3. */
  private bodyPhase({ status, chunked, length }: ResponseHead): Phase {
    if (status === 101) throw new ResponseError('a switch to another protocol (status 101)')
    if (status < 200) return 'head' // an interim response: the real one follows
    if (this.headOnly || status === 204 || status === 304 || (length === 0 && !chunked)) return 'whole'
    if (chunked) return 'chunk size'
    return length === undefined ? 'until close' : 'sized'
  }

  private readBody(): boolean {
    const used = Math.min(this.missing, this.bytes.length - this.at)
    this.at += used
    this.missing -= used
    this.bodyBytes += used
    if (this.missing === 0) this.phase = this.phase === 'sized' ? 'whole' : 'chunk end'
    return true
  }

  /** The lines of a chunked body: sizes, the line end after a chunk, trailers. RFC 9112, section 7.1. */
  private readLine(): boolean {
    const { bytes, at } = this
    if (this.phase === 'chunk end' && bytes[at] !== 13)
      throw new ResponseError('a chunk is longer than its size')
    const end = bytes.indexOf('\r\n', at, 'latin1')
    if (end < 0) return false
    this.at = end + 2
    if (this.phase === 'trailers') {
      if (end === at) this.phase = 'whole'
    } else if (this.phase === 'chunk end') {
      if (end > at) throw new ResponseError('a chunk is longer than its size')
      this.phase = 'chunk size'
    } else this.readChunkSize(bytes.toString('latin1', at, end))
    return true
  }

  private readChunkSize(line: string): void {
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line)
    if (size === null) throw new ResponseError(`${quote(line)} is not the size of a chunk`)
    this.missing = Number.parseInt(size[1] ?? '', 16)
    this.phase = this.missing === 0 ? 'trailers' : 'chunk'
  }
}
