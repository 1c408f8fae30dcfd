import { RequestBody } from '../../src/http/body.js'
import { Http1Request } from '../../src/http/http1-request.js'
import { defaultLimits } from '../../src/http/limits.js'
import { COMPLETE, RequestParser } from '../../src/http/request-parser.js'

/** A request as the parser reads it, of a connection that does not exist: what it only keeps is not needed. */
export function parsedRequest(head: string): { req: Http1Request; parser: RequestParser } {
  const bytes = Buffer.from(`${head}\r\n\r\n`, 'latin1')
  const parser = new RequestParser(defaultLimits)
  if (parser.parse(bytes, 0) !== COMPLETE) throw new Error(parser.reason)
  const hasBody = parser.isChunked || parser.contentLength > 0
  const origin = { wanted() {} }
  const body = hasBody ? new RequestBody(origin, parser.contentLength, defaultLimits.bodyBytes) : undefined
  const target = bytes.toString('latin1', parser.targetStart, parser.targetEnd)
  return { req: new Http1Request(undefined as never, parser, bytes, 0, target, body, 0), parser }
}
