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

/**
 * Reads responses from the bytes of a connection, however they are split: one response for each request, in order
 * (RFC 9112). It keeps no body, only its length; the rest of a head or a line that is split is kept until it is whole.
 */
export class ResponseReader {
  private phase: Phase = 'head'
  private rest: Buffer = emptyBuffer
  private status = 0
  private keepAlive = true
  private bodyBytes = 0
  /** Bytes that are still to come of a sized body or of a chunk. */
  private missing = 0

  /** @param headOnly the request was a HEAD, so no body follows, whatever the head says. */
  constructor(private readonly headOnly = false) {}

  /**
   * Takes the next bytes; the response once it is whole, `undefined` before.
   * @throws ResponseError if they are not what RFC 9112 says.
   */
  read(chunk: Buffer): ResponseInfo | undefined {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    this.rest = emptyBuffer
    while (bytes.length > 0) {
      const used = this.step(bytes)
      if (used < 0) {
        if (bytes.length > longestHeadBytes) throw new ResponseError('a head or line of more than 64 KiB')
        this.rest = bytes
        return undefined
      }
      bytes = used === bytes.length ? emptyBuffer : bytes.subarray(used)
      if (this.phase !== 'whole') continue
      if (bytes.length > 0) throw new ResponseError('bytes after the end of the response')
      return this.take()
    }
    return undefined
  }

  /** The connection has ended: the response, if that was its end. */
  end(): ResponseInfo | undefined {
    return this.phase === 'until close' ? this.take() : undefined
  }

  private take(): ResponseInfo {
    const { status, bodyBytes, keepAlive } = this
    this.phase = 'head'
    this.bodyBytes = 0
    return { status, bodyBytes, keepAlive }
  }

  /** One step of the present phase: how many bytes it used, or -1 if it needs more. */
  private step(bytes: Buffer): number {
    switch (this.phase) {
      case 'head':
        return this.readHead(bytes)
      case 'sized':
      case 'chunk':
        return this.readBody(bytes)
      case 'until close':
        this.bodyBytes += bytes.length
        return bytes.length
      default:
        return this.readLine(bytes)
    }
  }

  private readHead(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n')
    const begins = prefix.startsWith(bytes.toString('latin1', 0, Math.min(bytes.length, prefix.length)))
    if (!begins)
      throw new ResponseError(`not an HTTP/1.1 response: ${quote(bytes.toString('latin1', 0, 24))}`)
    if (end < 0) return -1
    const head = parseHead(bytes.toString('latin1', 0, end))
    this.status = head.status
    this.keepAlive = head.keepAlive
    this.phase = this.bodyPhase(head)
    return end + 4
  }

  /** How the body is framed: RFC 9112, section 6.3. */
  private bodyPhase({ status, chunked, length }: ResponseHead): Phase {
    if (status === 101) throw new ResponseError('a switch to another protocol (status 101)')
    if (status < 200) return 'head' // an interim response: the real one follows
    if (this.headOnly || status === 204 || status === 304 || (length === 0 && !chunked)) return 'whole'
    if (chunked) return 'chunk size'
    if (length === undefined) {
      this.keepAlive = false
      return 'until close'
    }
    this.missing = length
    return 'sized'
  }

  private readBody(bytes: Buffer): number {
    const used = Math.min(this.missing, bytes.length)
    this.missing -= used
    this.bodyBytes += used
    if (this.missing === 0) this.phase = this.phase === 'sized' ? 'whole' : 'chunk end'
    return used
  }

  /** The lines of a chunked body: sizes, the line end after a chunk, trailers. RFC 9112, section 7.1. */
  private readLine(bytes: Buffer): number {
    if (this.phase === 'chunk end' && bytes[0] !== 13)
      throw new ResponseError('a chunk is longer than its size')
    const end = bytes.indexOf('\r\n')
    if (end < 0) return -1
    if (this.phase === 'trailers') {
      if (end === 0) this.phase = 'whole'
    } else if (this.phase === 'chunk end') {
      if (end > 0) throw new ResponseError('a chunk is longer than its size')
      this.phase = 'chunk size'
    } else this.readChunkSize(bytes.toString('latin1', 0, end))
    return end + 2
  }

  private readChunkSize(line: string): void {
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line)
    if (size === null) throw new ResponseError(`${quote(line)} is not the size of a chunk`)
    this.missing = Number.parseInt(size[1] ?? '', 16)
    this.phase = this.missing === 0 ? 'trailers' : 'chunk'
  }
}
