/**
 * Where the parser and node:http disagree, and why. Node's is llhttp in its strict mode, which reads more than the RFCs
 * allow for the sake of old clients, and leaves targets and hosts to the handler.
 */
import { METHODS } from 'node:http'
import type { Drive } from './drive.js'
import type { NodeOutcome } from './node-server.js'

export interface Difference {
  readonly what: string
  readonly node: string
  readonly ours: string
  readonly why: string
  /** What such an input holds. */
  readonly pattern: RegExp
  /** Why the parser refused what node took. */
  readonly reason?: RegExp
  /** What node refused that the parser took, or waits for. */
  readonly refusal?: RegExp
  /** Newer versions of node do as we do. */
  readonly isMendedLater?: true
}

const escapes = 'what is decoded in two ways is routed in two ways, by a proxy and by the server'
const forms = 'RFC 9112, 3.2 knows four forms of a target; routing another one is guessing'
const hosts = 'RFC 9112, 3.2: 400 for a Host that is none, which could poison links and caches'
const framing = 'RFC 9112, 6.3: who reads the length differently reads a hidden request'
const limits = 'a limit of our own'

/** Requests that node reads and the parser refuses. */
const stricter: readonly Difference[] = [
  {
    what: 'bytes in the target that no URL holds',
    node: 'hands them to the handler',
    ours: '400',
    why: escapes,
    reason: /^the request target is empty, or holds/,
    pattern: /["<>\\#]/,
  },
  {
    what: 'several spaces before the target',
    node: 'skips them',
    ours: '400',
    why: 'RFC 9112, 3: one space; a lenient reader and a strict one see two different targets',
    reason: /^the request target is empty, or holds/,
    pattern: / {2}/,
  },
  {
    what: 'a request line without a version',
    node: 'takes it for HTTP/0.9',
    ours: '400',
    why: 'HTTP/0.9 has no headers: what follows would be another request to others',
    reason: /^the request target is empty, or holds/,
    pattern: /[^ ]* [^ \r\n]*\r?\n/,
  },
  {
    what: 'several spaces before the version',
    node: 'skips them',
    ours: '400',
    why: 'RFC 9112, 3: one space',
    reason: /^the request line does not end with a version/,
    pattern: / {2}/,
  },
  {
    what: 'a percent sign without two hexadecimal digits',
    node: 'hands it to the handler, whose decoder throws',
    ours: '400',
    why: escapes,
    reason: /^a percent sign/,
    pattern: /%(?![0-9A-Fa-f]{2})/,
  },
  {
    what: 'a target that is neither a path nor a URL of http or https with a host',
    node: 'hands it to the handler',
    ours: '400',
    why: forms,
    reason: /^the request target (is neither|has no valid host)/,
    pattern: / [^/ ]\S* /,
  },
  {
    what: 'the target * of another method than OPTIONS',
    node: 'hands it to the handler',
    ours: '400',
    why: 'RFC 9112, 3.2.4',
    reason: /^the target \* is for OPTIONS/,
    pattern: / \* /,
  },
  {
    what: 'CONNECT',
    node: 'hands the socket to a listener, and closes it where there is none',
    ours: '501',
    why: 'a tunnel is the work of a proxy',
    reason: /^CONNECT is for proxies/,
    pattern: /CONNECT /,
  },
  {
    what: 'HTTP/2.0 and HTTP/0.9 in a request line',
    node: 'reads them like HTTP/1.1',
    ours: '505',
    why: 'RFC 9110, 15.6.6: these are other protocols',
    reason: /^HTTP\/1\.1 and HTTP\/1\.0 are spoken here/,
    pattern: /HTTP\/(2\.0|0\.9)\r/,
  },
  {
    what: 'RTSP and ICE in a request line',
    node: 'reads them like HTTP',
    ours: '400',
    why: 'RFC 9112, 2.3',
    reason: /^the request line has no valid version/,
    pattern: /(RTSP|ICE)\/\d\.\d\r/,
  },
  {
    what: 'any number of empty lines before a request, also of LF or CR alone',
    node: 'skips them',
    ours: 'skips one of CRLF; 400 for more',
    why: 'RFC 9112, 2.2 speaks of at least one CRLF; bytes that mean nothing are no message',
    reason: /^(the request does not begin with a method|CR without LF)/,
    pattern: /(^|\n|\r|x)[\r\n]/,
  },
  {
    what: 'a Host that is no host with a port',
    node: 'hands it to the handler',
    ours: '400',
    why: hosts,
    reason: /^the Host is not a host/,
    pattern: /^host:/im,
  },
  {
    what: 'Host twice',
    node: 'takes the first',
    ours: '400',
    why: hosts,
    reason: /^more than one Host/,
    pattern: /^host:[\s\S]*^host:/im,
  },
  {
    what: 'no Host with HTTP/1.1',
    node: 'answers 400 itself, and reads on',
    ours: '400, and the end of the connection',
    why: 'what cannot be told whom it is for is not followed by anything that can',
    reason: /^no Host/,
    pattern: /HTTP\/1\.1/,
  },
  {
    what: 'a length of more than 2^53',
    node: 'waits for so much',
    ours: '413',
    why: 'sums with such numbers are not exact',
    reason: /^no body is as long/,
    pattern: /content-length:[ \t]*\d{16}/i,
  },
  {
    what: 'an empty Content-Length',
    node: '400 at the end of the head',
    ours: '400 at the end of its line',
    why: 'nothing that follows could mend it',
    reason: /^the Content-Length is not a number/,
    pattern: /content-length:[ \t]*\r\n/i,
  },
  {
    what: 'a transfer coding other than chunked',
    node: 'starts the handler, and then refuses the body or reads it as chunks without decoding it',
    ours: '501 if chunked is the last one, 400 otherwise',
    why: framing,
    reason: /(the only|not the last) transfer coding/,
    pattern: /^transfer-encoding:/im,
  },
  {
    what: 'Transfer-Encoding with HTTP/1.0',
    node: 'reads chunks',
    ours: '400',
    why: 'RFC 9112, 6.1: the framing is faulty; proxies of HTTP/1.0 do not know it',
    reason: /^HTTP\/1\.0 has no Transfer-Encoding/,
    pattern: /HTTP\/1\.0\r\n[\s\S]*transfer-encoding:/i,
  },
  {
    what: 'a chunk size of more than 12 digits',
    node: 'takes 16',
    ours: '400',
    why: limits,
    reason: /^a chunk size is too large/,
    pattern: /^[0-9a-f]{13}/im,
  },
  {
    what: 'a chunk extension without its name or value, or with bytes behind its quotes',
    node: 'skips it',
    ours: '400',
    why: 'RFC 9112, 7.1.1; readers of different care have found different ends of such lines',
    reason: /^a chunk extension holds what is not allowed/,
    pattern: /^[0-9a-f]+;/im,
  },
  {
    what: 'fields that trailers must not have',
    node: 'hands them to the handler, apart from the headers',
    ours: '400',
    why: 'RFC 9110, 6.5.1; who merges them lets a client change what a proxy has checked',
    reason: /is not allowed in a trailer section$/,
    pattern:
      /^(host|connection|trailer|te|upgrade|expect|content-\w+|transfer-encoding|authorization|(set-)?cookie|cache-control):/im,
  },
  {
    what: 'an expectation other than 100-continue beside it, or with HTTP/1.0',
    node: 'is content where 100-continue is among them, and ignores all of HTTP/1.0',
    ours: '417',
    why: 'RFC 9110, 10.1.1 allows it for whatever else is in the field',
    reason: /^100-continue is the only expectation/,
    pattern: /^expect:/im,
  },
  {
    what: 'a line of more than 8 KiB',
    node: 'has a limit for the head only',
    ours: '414 or 431',
    why: limits,
    reason: /has more than 8192 bytes$/,
    pattern: /[^\n]{8192}/,
  },
  {
    what: 'a head of more than 16 KiB',
    node: 'counts without the request line and the ends of lines',
    ours: '431, all counted',
    why: limits,
    reason: /^more than 16384 bytes/,
    pattern: /^[\s\S]{16384}/,
  },
  {
    what: 'more than 100 header fields',
    node: 'takes 2000, and drops the others silently',
    ours: '431',
    why: 'a field that is dropped is one that a proxy has seen and the handler has not',
    reason: /^more than 100 header fields/,
    pattern: /(^[^:\n]+:[^\n]*\n){101}/m,
  },
  {
    what: 'both close and keep-alive with HTTP/1.0',
    node: 'keeps the connection',
    ours: 'closes it',
    why: 'RFC 9112, 9.3: close counts first',
    reason: /^$/,
    pattern: /HTTP\/1\.0\r\n[\s\S]*connection:[\s\S]*(close[\s\S]*keep-alive|keep-alive[\s\S]*close)/i,
  },
]

/** Requests that node refuses and the parser reads, or that it refuses sooner. */
const looser: readonly Difference[] = [
  {
    what: 'a method that node does not know',
    node: '400 at its first unknown letter',
    ours: 'hands it to the router, which answers 405',
    why: 'RFC 9110, 9.1: methods are an open set of tokens',
    refusal: /^HPE_INVALID_METHOD$/,
    pattern: new RegExp(`(?!(${METHODS.join('|')}) )[!#-'*+.^-z|~A-Z-]+`),
  },
  {
    what: 'bytes behind a request that closes the connection',
    node: 'an error, behind the answer',
    ours: 'not read',
    why: 'RFC 9112, 9.6: the server must not process what follows; clients that repeat an empty line mean no harm',
    refusal: /^HPE_CLOSED_CONNECTION$/,
    pattern: /connection:|HTTP\/1\.0/i,
  },
  {
    what: 'a Content-Length that is cut off behind a letter',
    node: '400 at the letter',
    ours: '400 at the end of its line',
    why: 'a value is looked at as a whole',
    refusal: /^HPE_INVALID_CONTENT_LENGTH$/,
    pattern: /content-length:[^\r\n]*\r?$/i,
  },
  {
    what: 'a target or a version that is cut off behind a wrong letter',
    node: '400 at the letter',
    ours: '400 at its end',
    why: 'they are looked at as a whole',
    refusal: /^HPE_INVALID_(CONSTANT|VERSION|URL)$/,
    pattern: / \S+$/,
  },
  {
    what: 'a tab behind a Content-Length',
    node: '400',
    ours: 'white space',
    why: 'RFC 9110, 5.6.3',
    refusal: /^HPE_INVALID_CONTENT_LENGTH$/,
    pattern: /content-length:[ \t]*\d+ *\t/i,
    isMendedLater: true,
  },
  {
    what: 'an empty line and nothing behind it',
    node: 'nothing has begun',
    ours: 'a message has begun',
    why: 'it only matters to time limits',
    refusal: /^$/,
    pattern: /\r\n?$/,
  },
]

export const differences: readonly Difference[] = [...stricter, ...looser]

/** The difference that explains an outcome. */
export function explanation(text: string, ours: Drive, theirs: NodeOutcome): Difference | undefined {
  return differences.find(
    ({ reason, refusal, pattern }) =>
      (reason === undefined || (reason.test(ours.reason) && theirs.heads.length >= ours.requests.length)) &&
      (refusal === undefined ||
        (refusal.test(theirs.refusal) && theirs.heads.length <= ours.requests.length)) &&
      pattern.test(text),
  )
}

/** Whether both read the same requests with the same bodies, and accept or refuse alike. */
export function areAlike(ours: Drive, theirs: NodeOutcome): boolean {
  const { requests, end } = ours
  const verdict = end === 'between' || end === 'closed' ? '' : end === 'incomplete' ? 'incomplete' : 'refused'
  const theirVerdict = theirs.refusal === '' || theirs.refusal === 'incomplete' ? theirs.refusal : 'refused'
  return (
    verdict === theirVerdict &&
    requests.length === theirs.heads.length &&
    requests.every(({ method, target, body, isWhole }, index) => {
      const theirBody = theirs.bodies[index]
      return (
        `${method} ${target}` === originForm(theirs.heads[index] ?? '') &&
        (!isWhole || theirBody === undefined || theirBody === body)
      )
    })
  )
}

/** Node gives a URL as it was sent. */
function originForm(head: string): string {
  return head.replace(/^(\S+) https?:\/\/[^/?]*\/?/i, '$1 /')
}
