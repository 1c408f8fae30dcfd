import { SluiceError } from '../runtime/errors.js'

/** What came is not an HTTP/1.1 response. */
export class ResponseError extends SluiceError {
  readonly code = 'ERR_SLUICE_RESPONSE'
}

/** A response that has arrived as a whole. */
export interface ResponseInfo {
  readonly status: number
  /** Bytes of the body, without its framing. */
  readonly bodyBytes: number
  /** Whether the connection can carry another request. */
  readonly keepAlive: boolean
}

type Phase = 'head' | 'sized' | 'chunk size' | 'chunk' | 'chunk end' | 'trailers' | 'until close'

/** A head, or a line of a chunked body, that is longer than this is refused. */
const longestHeadBytes = 64 * 1024

/**
 * Reads responses from the bytes of a connection, however they are split: one response for each request, in order
 * (RFC 9112). It keeps no body, only its length; the rest of a head that is split over reads is kept until it is whole.
 */
export class ResponseReader {
  private phase: Phase = 'head'
  private rest: Buffer = Buffer.alloc(0)
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
    for (;;) {
      const used = this.step(bytes)
      if (used < 0) {
        if (bytes.length > longestHeadBytes) throw new ResponseError('a head or line of more than 64 KiB')
        this.rest = bytes
        return undefined
      }
      bytes = used === bytes.length ? emptyBuffer : bytes.subarray(used)
      if (this.phase === 'head') {
        if (bytes.length > 0 && this.status >= 200)
          throw new ResponseError('bytes after the end of the response')
        if (this.status >= 200) return this.take()
      }
      if (bytes.length === 0) return undefined
    }
  }

  /** The connection has ended: the response, if that was its end. */
  end(): ResponseInfo | undefined {
    return this.phase === 'until close' ? this.take() : undefined
  }

  private take(): ResponseInfo {
    const { status, bodyBytes, keepAlive } = this
    this.phase = 'head'
    this.status = 0
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
    if (end < 0) {
      if (!couldBeHead(bytes)) throw notHttp(bytes)
      return -1
    }
    const head = bytes.toString('latin1', 0, end)
    const start = /^HTTP\/1\.([01]) (\d{3})(?: [^\r\n]*)?(?=\r\n|$)/.exec(head)
    if (start === null) throw notHttp(bytes)
    this.status = Number(start[2])
    const fields = parseFields(head.slice(start[0].length))
    const connection = fields.get('connection')?.toLowerCase()
    this.keepAlive = start[1] === '1' ? connection !== 'close' : connection === 'keep-alive'
    this.phase = this.bodyPhase(fields)
    return end + 4
  }

  /** How the body is framed: RFC 9112, section 6.3. */
  private bodyPhase(fields: ReadonlyMap<string, string>): Phase {
    const { status } = this
    if (this.headOnly || status < 200 || status === 204 || status === 304) return 'head'
    const coding = fields.get('transfer-encoding')
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked')
        throw new ResponseError(`transfer coding '${coding}' is not known`)
      return 'chunk size'
    }
    const length = fields.get('content-length')
    if (length === undefined) {
      this.keepAlive = false
      return 'until close'
    }
    if (!/^\d{1,15}$/.test(length)) throw new ResponseError(`Content-Length '${length}' is not a number`)
    this.missing = Number(length)
    return this.missing === 0 ? 'head' : 'sized'
  }

  private readBody(bytes: Buffer): number {
    const used = Math.min(this.missing, bytes.length)
    this.missing -= used
    this.bodyBytes += used
    if (this.missing === 0) this.phase = this.phase === 'sized' ? 'head' : 'chunk end'
    return used
  }

  /** The lines of a chunked body: sizes, the line end after a chunk, trailers. RFC 9112, section 7.1. */
  private readLine(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n')
    if (end < 0) return -1
    const line = bytes.toString('latin1', 0, end)
    if (this.phase === 'trailers') {
      if (line === '') this.phase = 'head'
    } else if (this.phase === 'chunk end') {
      if (line !== '') throw new ResponseError('a chunk is longer than its size')
      this.phase = 'chunk size'
    } else {
      const size = /^([0-9a-fA-F]{1,12})\s*(?:;.*)?$/.exec(line)
      if (size === null) throw new ResponseError(`'${line.slice(0, 40)}' is not the size of a chunk`)
      this.missing = Number.parseInt(size[1] ?? '', 16)
      this.phase = this.missing === 0 ? 'trailers' : 'chunk'
    }
    return end + 2
  }
}

const emptyBuffer = Buffer.alloc(0)

function parseFields(lines: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of lines.split('\r\n')) {
    if (line === '') continue
    const colon = line.indexOf(':')
    if (colon < 1 || /\s/.test(line.slice(0, colon)))
      throw new ResponseError(`'${line.slice(0, 40)}' is not a header`)
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const earlier = fields.get(name)
    if (name === 'content-length' && earlier !== undefined && earlier !== value) {
      throw new ResponseError('two different Content-Length headers')
    }
    fields.set(name, value)
  }
  return fields
}

const prefix = 'HTTP/1.'

function couldBeHead(bytes: Buffer): boolean {
  return prefix.startsWith(bytes.toString('latin1', 0, Math.min(bytes.length, prefix.length)))
}

function notHttp(bytes: Buffer): ResponseError {
  return new ResponseError(`not an HTTP/1.1 response: ${JSON.stringify(bytes.toString('latin1', 0, 24))}`)
}
