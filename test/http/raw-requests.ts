/**
 * Requests byte for byte, each with what has to become of it, named by what it shows. Texts are bytes as characters.
 * `RFC 9110, 7.2` is written `9110 7.2`.
 */
import type { Limits } from '../../src/http/limits.js'
import type { End, Seen } from './drive.js'

export interface RawRequest {
  readonly name: string
  readonly rfc: string
  readonly text: string
  /** What is said of each request whose head has come. */
  readonly requests: readonly Partial<Seen>[]
  readonly end: End
  readonly limits?: Partial<Limits>
}

const host = 'Host: a\r\n'

function row(
  rfc: string,
  name: string,
  text: string,
  end: End,
  ...requests: readonly Partial<Seen>[]
): RawRequest {
  return { name, rfc, text, requests, end }
}

/** Requests that are whole, and after which the connection stays open. */
function good(rfc: string, name: string, text: string, ...requests: readonly Partial<Seen>[]): RawRequest {
  return row(rfc, name, text, 'between', ...requests)
}

/** A head without the request line's usual parts being of interest: these header lines. */
function goodFields(rfc: string, name: string, lines: string, seen: Partial<Seen> = {}): RawRequest {
  return good(rfc, name, `GET / HTTP/1.1\r\n${lines}\r\n`, { method: 'GET', target: '/', ...seen })
}

function goodTarget(rfc: string, name: string, target: string, seen: Partial<Seen>): RawRequest {
  return good(rfc, name, `GET ${target} HTTP/1.1\r\n${host}\r\n`, { method: 'GET', host: 'a', ...seen })
}

function goodHost(rfc: string, name: string, value: string): RawRequest {
  return goodFields(rfc, name, `Host: ${value}\r\n`, { host: value })
}

function goodChunks(rfc: string, name: string, chunks: string, body: string): RawRequest {
  return good(rfc, name, chunkedHead + chunks, { method: 'POST', body, isWhole: true })
}

function badLine(rfc: string, name: string, line: string, status = 400): RawRequest {
  return row(rfc, name, `${line}\r\n${host}\r\n`, status)
}

function badFields(rfc: string, name: string, lines: string, status = 400): RawRequest {
  return row(rfc, name, `POST / HTTP/1.1\r\n${lines}\r\n`, status)
}

function badTarget(rfc: string, name: string, target: string): RawRequest {
  return badLine(rfc, name, `GET ${target} HTTP/1.1`)
}

function badHost(rfc: string, name: string, value: string): RawRequest {
  return badFields(rfc, name, `Host: ${value}\r\n`)
}

function badLength(rfc: string, name: string, lines: string, status = 400): RawRequest {
  return badFields(rfc, name, `${host}Content-Length: ${lines}\r\n`, status)
}

function badCoding(rfc: string, name: string, value: string, status = 400): RawRequest {
  return badFields(rfc, name, `${host}Transfer-Encoding: ${value}\r\n`, status)
}

/** A chunked body that is refused after this much of it was read. */
function badChunks(rfc: string, name: string, chunks: string, body = '', status = 400): RawRequest {
  return row(rfc, name, chunkedHead + chunks, status, { body, isWhole: false })
}

const chunkedHead = `POST /c HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`

const requestLines: RawRequest[] = [
  good('9112 3', 'the smallest request', `GET / HTTP/1.1\r\n${host}\r\n`, {
    method: 'GET',
    target: '/',
    host: 'a',
    minorVersion: 1,
    keepAlive: true,
    fields: host,
    body: '',
    isWhole: true,
    expectsContinue: false,
    wantsUpgrade: false,
  }),
  ...[
    'HEAD',
    'PUT',
    'DELETE',
    'PATCH',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'XGET',
    'M-SEARCH',
    'get',
    "!#$%&'*+-.^_`|~9",
  ].map((method) =>
    good('9110 9.1', `the method ${method}`, `${method} / HTTP/1.1\r\n${host}\r\n`, { method }),
  ),
  good('9110 9.1', 'a method that begins like GET', `GETX / HTTP/1.1\r\n${host}\r\n`, { method: 'GETX' }),
  good('9110 9.1', 'a method of 24 letters', `${'A'.repeat(24)} / HTTP/1.1\r\n${host}\r\n`, {}),
  badLine('9110 9.1', 'a method of 25 letters', `${'A'.repeat(25)} / HTTP/1.1`, 501),
  badLine('9110 9.3.6', 'CONNECT, which is for proxies', 'CONNECT a:443 HTTP/1.1', 501),
  badLine('9110 9.3.6', 'CONNECT to a path', 'CONNECT / HTTP/1.1', 501),
  badLine('9112 3', 'no method', ' / HTTP/1.1'),
  badLine('9110 5.6.2', 'a method with a byte that no token holds', 'G(T / HTTP/1.1'),
  badLine('9110 5.6.2', 'a method with a byte beyond ASCII', 'G\xc9T / HTTP/1.1'),
  badLine('9112 3', 'a NUL in the method', 'GE\0T / HTTP/1.1'),
  badLine('9112 3', 'two spaces behind the method', 'GET  / HTTP/1.1'),
  badLine('9112 3', 'a tab behind the method', 'GET\t/ HTTP/1.1'),
  badLine('9112 3', 'a method and nothing else', 'GET'),
  badLine('9112 3', 'two spaces before the version', 'GET /  HTTP/1.1'),
  badLine('9112 3', 'a tab before the version', 'GET /\tHTTP/1.1'),
  badLine('9112 3', 'a space behind the version', 'GET / HTTP/1.1 '),
  badLine('9112 3', 'a space in the target', 'GET /a b HTTP/1.1'),
  row('9112 2.2', 'a request line that ends with LF', `GET / HTTP/1.1\n${host}\r\n`, 400),
  row('9112 2.2', 'a request line that ends with CR', `GET / HTTP/1.1\r${host}\r\n`, 400),
  row('9112 2.2', 'a request line that ends with CR CR LF', `GET / HTTP/1.1\r\r\n${host}\r\n`, 400),
  good('9112 2.2', 'an empty line before the request', `\r\nGET / HTTP/1.1\r\n${host}\r\n`, { target: '/' }),
  row('9112 2.2', 'two empty lines before the request', `\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`, 400),
  row('9112 2.2', 'LF before the request', `\nGET / HTTP/1.1\r\n${host}\r\n`, 400),
  row('9112 2.2', 'CR before the request', `\rGET / HTTP/1.1\r\n${host}\r\n`, 400),
  row('9112 2.2', 'white space before the request', ` \r\nGET / HTTP/1.1\r\n${host}\r\n`, 400),
  row('9112 2.2', 'a byte order mark before the request', `\xef\xbb\xbfGET / HTTP/1.1\r\n${host}\r\n`, 400),
  row('8446 5.1', 'a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400),
  badLine('9112 3', 'a response', 'HTTP/1.1 200 OK'),
  row('9112 3', 'a header line where the request line belongs', `${host}\r\n`, 400),
]

const versions: RawRequest[] = [
  row('9112 2.3', 'HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 'closed', { minorVersion: 0, host: '' }),
  badLine('9110 2.5', 'HTTP/2.0', 'GET / HTTP/2.0', 505),
  badLine('9110 2.5', 'HTTP/0.9', 'GET / HTTP/0.9', 505),
  badLine('9110 15.6.6', 'HTTP/1.2', 'GET / HTTP/1.2', 505),
  badLine('9112 2.3', 'a minor version of two digits', 'GET / HTTP/1.10'),
  badLine('9112 2.3', 'a minor version that is a letter', 'GET / HTTP/1.x'),
  badLine('9112 2.3', 'a version in lower case', 'GET / http/1.1'),
  badLine('9112 2.3', 'a version without its minor part', 'GET / HTTP/1'),
  badLine('9112 2.3', 'a version with a comma', 'GET / HTTP/1,1'),
  badLine('9112 2.3', 'another protocol', 'GET / RTSP/1.0'),
  badLine('1945 4.1', 'a simple request, which has no version', 'GET /'),
  badLine('1945 4.1', 'a simple request with a space', 'GET / '),
  row('9113 3.4', 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400),
]

const targets: RawRequest[] = [
  goodTarget('9112 3.2.1', 'a path with a query', '/a/b?c=d&e=f', { target: '/a/b?c=d&e=f' }),
  goodTarget('9112 3.2.1', 'a path that begins with two slashes', '//b/c', { target: '//b/c' }),
  goodTarget('9112 3.2.1', 'dots, which nobody resolves here', '/../a/./b', { target: '/../a/./b' }),
  goodTarget('3986 2.1', 'percent-encoded bytes', '/%41%7e%0a%00', { target: '/%41%7e%0a%00' }),
  goodTarget('3986 3.4', 'a query with slashes and question marks', '/?/?', { target: '/?/?' }),
  goodTarget('3986 3.3', 'every byte that a path may hold', "/-._~!$&'()*+,;=:@", {
    target: "/-._~!$&'()*+,;=:@",
  }),
  goodTarget('3986 2.4', 'what browsers leave as it is', '/[]{}|^`', { target: '/[]{}|^`' }),
  good('9112 3.2.4', 'the asterisk of OPTIONS', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, { target: '*' }),
  goodTarget('9112 3.2.2', 'a URL, whose host counts', 'http://b:80/c?d', { target: '/c?d', host: 'b:80' }),
  goodTarget('9112 3.2.2', 'a URL of https', 'https://b/c', { target: '/c', host: 'b' }),
  goodTarget('9110 4.2', 'a scheme in capitals', 'HTTP://b/c', { target: '/c', host: 'b' }),
  goodTarget('9112 3.2.1', 'a URL without a path', 'http://b', { target: '/', host: 'b' }),
  goodTarget('9112 3.2.1', 'a URL with a query and no path', 'http://b?c', { target: '/?c', host: 'b' }),
  goodTarget('3986 3.2.2', 'a URL with an IPv6 address', 'http://[::1]:80/', { host: '[::1]:80' }),
  good('9112 3.2.2', 'a URL with a Host before it is known', `GET http://b/ HTTP/1.1\r\nHost:\r\n\r\n`, {
    host: 'b',
  }),
  row('9112 3.2.2', 'a URL with HTTP/1.0 and no Host', 'GET http://b/ HTTP/1.0\r\n\r\n', 'closed', {
    host: 'b',
  }),
  row('9112 3.2', 'a URL without a Host field', 'GET http://b/ HTTP/1.1\r\n\r\n', 400),
  badTarget('9112 3.2.4', 'an asterisk with GET', '*'),
  badLine('9112 3.2.4', 'two asterisks', 'OPTIONS ** HTTP/1.1'),
  badTarget('9112 3.2', 'a path without a slash', 'index.html'),
  badTarget('9112 3.2.3', 'an authority without CONNECT', 'a:443'),
  badTarget('9112 3.2', 'a query without a path', '?a=b'),
  badTarget('9110 4.2', 'another scheme', 'ftp://b/'),
  badTarget('9110 4.2.1', 'a scheme without a host', 'http:///c'),
  badTarget('9110 4.2.1', 'a scheme without anything', 'http://'),
  badTarget('9110 4.2.1', 'a scheme without slashes', 'http:b'),
  badTarget('9110 4.2.1', 'a URL with a port and no host', 'http://:80/'),
  badTarget('9110 4.2.4', 'a URL with a user', 'http://user:secret@b/'),
  badTarget('3986 3.2.3', 'a URL with a port that is no number', 'http://b:http/'),
  badTarget('3986 3.2.2', 'a URL with half an IPv6 address', 'http://[::1/'),
  badTarget('3986 3.5', 'a fragment', '/a#b'),
  badTarget('3986 2.1', 'a percent sign alone', '/%'),
  badTarget('3986 2.1', 'a percent sign and one digit', '/%4'),
  badTarget('3986 2.1', 'a percent sign and no hexadecimal digits', '/%zz'),
  badTarget('3986 2.1', 'a percent sign and one hexadecimal digit', '/%4z'),
  ...['"', '<', '>', '\\', '\x7f', '\x00', '\x01', '\x80', '\xff'].map((c) =>
    badTarget('3986 2', `the byte ${c.charCodeAt(0)} in a target`, `/a${c}b`),
  ),
]

const headerLines: RawRequest[] = [
  goodFields('9110 5.6.3', 'no white space before a value', 'Host:a\r\n', { host: 'a' }),
  goodFields('9110 5.6.3', 'white space around a value', 'Host: \t a \t \r\n', { host: 'a' }),
  goodFields('9110 5.5', 'an empty value', `${host}X:\r\n`, { fields: `${host}X:\r\n` }),
  goodFields('9110 5.5', 'a value of white space', `${host}X: \t \r\n`),
  goodFields('9110 5.5', 'a value with tabs inside', `${host}X: a\tb\r\n`),
  goodFields('9110 5.5', 'a value with bytes beyond ASCII', `${host}X: \x80\xa0\xff\r\n`),
  goodFields('9110 5.5', 'a value with colons', `${host}X: a:b:c\r\n`),
  goodFields('9110 5.1', 'a name in any case', 'hOsT: a\r\n', { host: 'a' }),
  goodFields('9110 5.6.2', 'a name of every byte that a token holds', `${host}!#$%&'*+-.^_\`|~09azAZ: x\r\n`),
  goodFields('9110 5.3', 'a field that comes twice', `${host}X: a\r\nX: b\r\n`, {
    fields: `${host}X: a\r\nX: b\r\n`,
  }),
  goodFields(
    '9112 5',
    'names that only look like those of the framing',
    `${host}Content-Lengths: x\r\nTransfer_Encoding: y\r\nHosts: z\r\n`,
  ),
  badFields('9112 5.1', 'a space between a name and its colon', 'Host : a\r\n'),
  badFields('9112 5.1', 'a tab between a name and its colon', 'Host\t: a\r\n'),
  badFields('9112 5.1', 'a space in a name', `${host}X Y: a\r\n`),
  badFields('9112 5', 'a line without a colon', `${host}X\r\n`),
  badFields('9110 5.1', 'an empty name', `${host}: a\r\n`),
  badFields('9112 5.2', 'a line folded with a space', `${host}X: a\r\n b\r\n`),
  badFields('9112 5.2', 'a line folded with a tab', `${host}X: a\r\n\tb\r\n`),
  badFields('9112 2.2', 'white space before the first field', ` ${host}`),
  badFields('9112 2.2', 'a folded line before the first field', ` X: a\r\n${host}`),
  badFields('9112 5.2', 'a folded length', `${host}Content-Length:\r\n 5\r\n`),
  ...[
    '(',
    ')',
    ',',
    '/',
    ';',
    '<',
    '=',
    '>',
    '?',
    '@',
    '[',
    '\\',
    ']',
    '{',
    '}',
    '"',
    '\0',
    '\x7f',
    '\x80',
  ].map((c) => badFields('9110 5.6.2', `the byte ${c.charCodeAt(0)} in a name`, `${host}X${c}Y: a\r\n`)),
  ...['\0', '\x01', '\b', '\v', '\f', '\x1b', '\x1f', '\x7f'].map((c) =>
    badFields('9110 5.5', `the byte ${c.charCodeAt(0)} in a value`, `${host}X: a${c}b\r\n`),
  ),
  badFields('9110 5.5', 'CR in a value', `${host}X: a\rb\r\n`),
  badFields('9110 5.5', 'LF in a value', `${host}X: a\nb: c\r\n`),
  badFields('9110 5.5', 'CR LF by halves', `${host}X: a\r\r\n`),
  badFields('9110 5.5', 'a control byte before a value', `${host}X:\x01a\r\n`),
  row('9112 2.2', 'a head that ends with LF LF', 'GET / HTTP/1.1\r\nHost: a\n\n', 400),
  row('9112 2.2', 'an empty line of LF', `GET / HTTP/1.1\r\n${host}\n`, 400),
  row('9112 2.2', 'an empty line of CR', `GET / HTTP/1.1\r\n${host}\rX`, 400),
]

const hosts: RawRequest[] = [
  ...[
    'a',
    'example.com',
    'EXAMPLE.com.',
    'a:80',
    'a:',
    'a:65535',
    '127.0.0.1:8080',
    'my_host',
    'a%2db',
    'a%2d',
    '-',
    '[::1]',
  ].map((value) => goodHost('9110 7.2', `the host ${value}`, value)),
  ...['[::]:80', '[2001:db8::ff00:42:8329]', '[::ffff:192.0.2.1]:1', '[1:2:3:4:5:6:7:8]'].map((value) =>
    goodHost('3986 3.2.2', `the host ${value}`, value),
  ),
  goodHost('9112 3.2', 'an empty Host, of a URL without an authority', ''),
  ...[
    ':80',
    'a:b',
    'a:80:80',
    'a:65536',
    'a:-1',
    'a b',
    'a/b',
    'a@b',
    'a?b',
    'a#b',
    'http://a',
    'a\\b',
    'a"b',
  ].map((value) => badHost('9110 7.2', `the host ${value}`, value)),
  ...[
    '[::1',
    '::1',
    '[::1]a',
    '[::1]]',
    '[]',
    '[a]',
    '[1:2]',
    '[::1%25eth0]',
    '[v1.a]',
    '[1.2.3.4]',
    'a[::1]',
  ].map((value) => badHost('3986 3.2.2', `the host ${value}`, value)),
  ...['a%', 'a%4', 'a%zz', 'a\xe9', 'a, b'].map((value) => badHost('3986 3.2.2', `the host ${value}`, value)),
  badFields('9112 3.2', 'no Host', ''),
  badFields('9112 3.2', 'no Host among other fields', 'X: a\r\nHosts: a\r\n'),
  badFields('9112 3.2', 'Host twice', 'Host: a\r\nHost: b\r\n'),
  badFields('9112 3.2', 'the same Host twice', 'Host: a\r\nHost: a\r\n'),
  badFields('9112 3.2', 'Host twice, once empty', 'Host:\r\nHost: a\r\n'),
  row('9112 3.2', 'Host twice with HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n', 400),
  row('9112 3.2.2', 'a bad Host beside a URL', 'GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n', 400),
]

const lengths: RawRequest[] = [
  good('9112 6.2', 'a body of a length', `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`, {
    body: 'hello',
    isWhole: true,
  }),
  good(
    '9112 6.2',
    'a body that looks like a request',
    `POST / HTTP/1.1\r\n${host}Content-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
    {
      body: 'GET / HTTP/1.1\r\n\r\n',
    },
  ),
  good('9112 6.2', 'a length of 0', `POST / HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`, {
    body: '',
    isWhole: true,
  }),
  good(
    '9110 8.6',
    'a length with zeros before it',
    `POST / HTTP/1.1\r\n${host}Content-Length: 0000000000000000000003\r\n\r\nabc`,
    {
      body: 'abc',
    },
  ),
  good('9110 9.3.1', 'a body with GET', `GET / HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`, {
    body: 'abc',
  }),
  good('9112 6.3', 'no length, no body', `POST / HTTP/1.1\r\n${host}\r\n`, { body: '', isWhole: true }),
  row(
    '9112 8',
    'a body that is cut off',
    `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhel`,
    'incomplete',
    {
      body: 'hel',
      isWhole: false,
    },
  ),
  row(
    '9110 8.6',
    'the largest length',
    `POST / HTTP/1.1\r\n${host}Content-Length: 9007199254740991\r\n\r\n`,
    'incomplete',
    {},
  ),
  badLength('9110 8.6', 'a length beyond every number', '9007199254740992', 413),
  badLength('9110 8.6', 'a length of 400 digits', '9'.repeat(400), 413),
  badLength('9110 8.6', 'a length that overflows 64 bits to 5', '18446744073709551621', 413),
  ...['+5', '-5', '5 5', '5,5', '5, 5', '0x5', '5.0', '5e0', 'five', '', '5a', '\xb2', '5_0', "'5'"].map(
    (value) => badLength('9110 8.6', `the length "${value}"`, value),
  ),
  badLength('9112 6.3', 'two lengths', '5\r\nContent-Length: 6'),
  badLength('9112 6.3', 'the same length twice', '5\r\nContent-Length: 5'),
  badLength('9112 6.3', 'the same length twice, in another case', '5\r\ncontent-length: 5'),
  badLength('9112 6.3', 'a length and a coding', '5\r\nTransfer-Encoding: chunked'),
  badCoding('9112 6.3', 'a coding and a length', 'chunked\r\nContent-Length: 5'),
  badCoding('9112 6.3', 'a coding and a length of 0', 'chunked\r\nContent-Length: 0'),
]

const codings: RawRequest[] = [
  goodChunks('9112 7.1', 'a chunked body', '5\r\nhello\r\n0\r\n\r\n', 'hello'),
  good(
    '9110 10.1.4',
    'the coding in any case',
    `POST / HTTP/1.1\r\n${host}tRANSFER-eNCODING:\tCHUNKED \r\n\r\n1\r\na\r\n0\r\n\r\n`,
    {
      body: 'a',
    },
  ),
  badCoding('9112 6.1', 'a coding that is not known before chunked', 'gzip, chunked', 501),
  badCoding('9112 6.1', 'a coding with a parameter before chunked', 'x;a=b, chunked', 501),
  ...[
    'gzip',
    'identity',
    'chunked, gzip',
    'chunked, identity',
    'chunked, chunked',
    'xchunked',
    'chunkedx',
    'chunked;a=b',
  ].map((value) => badCoding('9112 6.3', `the coding "${value}"`, value)),
  ...[
    '',
    ',',
    'chunked,',
    ',chunked',
    '"chunked"',
    "'chunked'",
    'chunked\xa0',
    '\xa0chunked',
    'chun ked',
    '\x0bchunked',
  ].map((value) => badCoding('9112 6.3', `the coding "${value}"`, value)),
  badCoding('9112 6.3', 'two codings in two fields', 'gzip\r\nTransfer-Encoding: chunked'),
  badCoding('9112 6.1', 'chunked in two fields', 'chunked\r\nTransfer-Encoding: chunked'),
  badCoding(
    '9112 6.3',
    'chunked and then another in a second field',
    'chunked\r\nTransfer-Encoding: identity',
  ),
  badFields('9112 5.1', 'a coding with a space before its colon', `${host}Transfer-Encoding : chunked\r\n`),
  badFields('9112 5.2', 'a folded coding', `${host}Transfer-Encoding:\r\n chunked\r\n`),
  row(
    '9112 6.1',
    'a coding with HTTP/1.0',
    'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ),
]

const chunks: RawRequest[] = [
  goodChunks('9112 7.1', 'no chunks', '0\r\n\r\n', ''),
  goodChunks('9112 7.1', 'several chunks', '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n', 'abcde'),
  goodChunks('9112 7.1', 'a hexadecimal size in small letters', 'a\r\n0123456789\r\n0\r\n\r\n', '0123456789'),
  goodChunks('9112 7.1', 'a hexadecimal size in capitals', 'B\r\n0123456789a\r\n0\r\n\r\n', '0123456789a'),
  goodChunks('9112 7.1', 'a size with zeros before it', '003\r\nabc\r\n0\r\n\r\n', 'abc'),
  goodChunks('9112 7.1', 'many zeros at the end', '1\r\na\r\n000000000000\r\n\r\n', 'a'),
  goodChunks('9112 7.1', 'chunks that hold CR LF', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'),
  goodChunks('9112 7.1', 'chunks that look like the end', '5\r\n0\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n'),
  goodChunks('9112 7.1.1', 'an extension', '1;a\r\nx\r\n0\r\n\r\n', 'x'),
  goodChunks('9112 7.1.1', 'an extension with a value', '1;a=b\r\nx\r\n0;c=d\r\n\r\n', 'x'),
  goodChunks('9112 7.1.1', 'several extensions', '1;a=b;c;d="e"\r\nx\r\n0\r\n\r\n', 'x'),
  goodChunks('9112 7.1.1', 'a quoted extension', '1;a="b;c=\\"d\\\\\t \x80"\r\nx\r\n0\r\n\r\n', 'x'),
  goodChunks('9112 7.1.1', 'an empty quoted extension', '1;a=""\r\nx\r\n0\r\n\r\n', 'x'),
  goodChunks('9112 7.1.2', 'a trailer', '1\r\nx\r\n0\r\nDigest: y\r\n\r\n', 'x'),
  goodChunks('9112 7.1.2', 'several trailers', '0\r\nA: b\r\nC:\r\nD: e:f\r\n\r\n', ''),
  row('9112 8', 'chunks that are cut off', `${chunkedHead}5\r\nhel`, 'incomplete', {
    body: 'hel',
    isWhole: false,
  }),
  row('9112 8', 'chunks without their end', `${chunkedHead}1\r\nx\r\n0\r\n`, 'incomplete', {
    body: 'x',
    isWhole: false,
  }),
  row('9112 8', 'trailers without their end', `${chunkedHead}0\r\nA: b\r\n`, 'incomplete', {
    isWhole: false,
  }),
  row('9112 7.1', 'a size of 12 digits', `${chunkedHead}ffffffffffff\r\nx`, 'incomplete', { body: 'x' }),
  badChunks('9112 7.1', 'a size of 13 digits', '1000000000000\r\nx'),
  badChunks('9112 7.1', 'a size of 17 digits, which overflows 64 bits to 1', '10000000000000001\r\nx'),
  ...['', '-1', '+1', '0x1', '1 ', ' 1', '\t1', '1\t', 'g', '1g', '1.0', '1,', '1_0', '\0', '\xb2'].map(
    (size) => badChunks('9112 7.1', `the chunk size "${size}"`, `${size}\r\nx\r\n0\r\n\r\n`),
  ),
  badChunks('9112 7.1', 'a size that ends with LF', '1\nx\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a size that ends with CR', '1\rx\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a last chunk that ends with LF', '0\n\r\n'),
  badChunks('9112 7.1', 'a chunk that is longer than its size', '1\r\nxy\r\n0\r\n\r\n', 'x'),
  badChunks('9112 7.1', 'a chunk that is shorter than its size', '3\r\nx\r\n0\r\n\r\n', 'x\r\n'),
  badChunks('9112 7.1', 'a chunk that ends with LF', '1\r\nx\n0\r\n\r\n', 'x'),
  badChunks('9112 7.1', 'a chunk that ends with CR', '1\r\nx\r0\r\n\r\n', 'x'),
  badChunks('9112 7.1', 'a chunk that ends with nothing', '1\r\nx0\r\n\r\n', 'x'),
  badChunks('9112 7.1', 'a chunk that ends with two bytes of something else', '1\r\nxXX0\r\n\r\n', 'x'),
  ...[
    ';',
    ';;',
    ';a;',
    ';=b',
    ';a=',
    ';a==b',
    ';a=b=c',
    ';a=b"c"',
    ';a="b"c',
    ';a="b',
    ';"a"',
    ';a b',
    ';a="\\"',
    ';a=\x80',
  ].map((extension) =>
    badChunks('9112 7.1.1', `the extension ${extension}`, `1${extension}\r\nx\r\n0\r\n\r\n`),
  ),
  ...[' ;a', '; a', ';a =b', ';a= b', ';a ;b', ';a '].map((extension) =>
    badChunks('9112 7.1.1', `white space in the extension "${extension}"`, `1${extension}\r\nx\r\n0\r\n\r\n`),
  ),
  ...[';a=\n', ';a\nb', ';a="\n"', ';a="\r\n"', ';a="\\\r"', ';a="\0"', ';\x7f', ';a\rb'].map((extension) =>
    badChunks('9112 7.1.1', `the extension ${JSON.stringify(extension)}`, `1${extension}\r\nx\r\n0\r\n\r\n`),
  ),
  badChunks('9110 6.5.1', 'a length among the trailers', '0\r\nContent-Length: 5\r\n\r\n'),
  badChunks('9110 6.5.1', 'a coding among the trailers', '0\r\nA: b\r\nTRANSFER-ENCODING: chunked\r\n\r\n'),
  badChunks('9110 6.5.1', 'a Host among the trailers', '0\r\nHost: b\r\n\r\n'),
  badChunks('9110 6.5.1', 'an Authorization among the trailers', '0\r\nAuthorization: b\r\n\r\n'),
  badChunks('9112 5.1', 'a space before the colon of a trailer', '0\r\nA : b\r\n\r\n'),
  badChunks('9112 5.2', 'a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'),
  badChunks('9112 5', 'a trailer without a colon', '0\r\nGET / HTTP/1.1\r\n\r\n'),
  badChunks('9112 2.2', 'a trailer that ends with LF', '0\r\nA: b\n\r\n'),
  badChunks('9112 2.2', 'an end of LF', '0\r\n\n'),
  badChunks('9112 2.2', 'an end of CR', '0\r\n\rX'),
  badChunks('9112 7.1', 'no empty line behind the last chunk', `0\r\nGET / HTTP/1.1\r\n${host}\r\n`),
]

const connections: RawRequest[] = [
  goodFields('9112 9.3', 'keep-alive', `${host}Connection: keep-alive\r\n`, { keepAlive: true }),
  row('9112 9.6', 'close', `GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, 'closed', {
    keepAlive: false,
  }),
  row('9112 9.6', 'close in any case', `GET / HTTP/1.1\r\n${host}CONNECTION:CLOSE\r\n\r\n`, 'closed', {}),
  row(
    '9112 9.6',
    'close in a list',
    `GET / HTTP/1.1\r\n${host}Connection: te ,\tclose , x\r\n\r\n`,
    'closed',
    {},
  ),
  row(
    '9112 9.3',
    'close before keep-alive',
    `GET / HTTP/1.1\r\n${host}Connection: close\r\nConnection: keep-alive\r\n\r\n`,
    'closed',
    {},
  ),
  row(
    '9112 9.3',
    'keep-alive before close',
    `GET / HTTP/1.1\r\n${host}Connection: keep-alive\r\nConnection: close\r\n\r\n`,
    'closed',
    {},
  ),
  row(
    '9112 9.6',
    'bytes behind close',
    `GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n\0\0`,
    'closed',
    {},
  ),
  row(
    '9112 9.6',
    'close with a body',
    `POST / HTTP/1.1\r\n${host}Connection: close\r\nContent-Length: 2\r\n\r\nok`,
    'closed',
    {
      body: 'ok',
      isWhole: true,
    },
  ),
  goodFields('9110 7.6.1', 'options that begin like close', `${host}Connection: closed, close2, xclose\r\n`, {
    keepAlive: true,
  }),
  goodFields('9110 7.6.1', 'close with a byte beyond ASCII', `${host}Connection: close\xa0\r\n`, {
    keepAlive: true,
  }),
  goodFields('9110 5.6.1', 'empty options', `${host}Connection: , ,\r\n`, { keepAlive: true }),
  good('9112 9.3', 'HTTP/1.0 with keep-alive', 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', {
    keepAlive: true,
    minorVersion: 0,
  }),
  row(
    '9112 9.3',
    'HTTP/1.0 with keep-alive and close',
    'GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n',
    'closed',
    {
      keepAlive: false,
    },
  ),
  goodFields('9110 7.8', 'an upgrade', `${host}Connection: Upgrade\r\nUpgrade: websocket\r\n`, {
    wantsUpgrade: true,
  }),
  goodFields(
    '9110 7.8',
    'an upgrade in a list',
    `${host}Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n`,
    {
      wantsUpgrade: true,
      keepAlive: true,
    },
  ),
  goodFields('9110 7.8', 'an Upgrade without its option', `${host}Upgrade: websocket\r\n`, {
    wantsUpgrade: false,
  }),
  goodFields('9110 7.8', 'an option without its Upgrade', `${host}Connection: upgrade\r\n`, {
    wantsUpgrade: false,
  }),
  good(
    '9110 7.8',
    'an upgrade with HTTP/1.0',
    'GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: a\r\n\r\n',
    {
      wantsUpgrade: false,
    },
  ),
  good(
    '9110 10.1.1',
    'an expectation',
    `POST / HTTP/1.1\r\n${host}Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nok`,
    {
      expectsContinue: true,
      body: 'ok',
    },
  ),
  good(
    '9110 10.1.1',
    'an expectation with HTTP/1.0',
    'GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n',
    {
      expectsContinue: false,
    },
  ),
  badFields('9110 10.1.1', 'another expectation', `${host}Expect: 200-ok\r\n`, 417),
  badFields('9110 10.1.1', 'an empty expectation', `${host}Expect:\r\n`, 417),
  badFields('9110 10.1.1', 'two expectations', `${host}Expect: 100-continue, x\r\n`, 417),
  good(
    '9112 9.3.2',
    'two requests',
    `GET /a HTTP/1.1\r\n${host}\r\nGET /b HTTP/1.1\r\n${host}\r\n`,
    { target: '/a' },
    { target: '/b' },
  ),
  good(
    '9112 9.3.2',
    'a body and then a request',
    `POST /a HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nokGET /b HTTP/1.1\r\n${host}\r\n`,
    { body: 'ok' },
    { target: '/b', body: '' },
  ),
  good(
    '9112 2.2',
    'an empty line behind a body',
    `POST /a HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nok\r\nGET /b HTTP/1.1\r\n${host}\r\n`,
    { body: 'ok' },
    { target: '/b' },
  ),
  good(
    '9112 7.1',
    'chunks, trailers and then a request',
    `${chunkedHead}1;a=b\r\nx\r\n0\r\nT: y\r\n\r\nGET /b HTTP/1.1\r\n${host}\r\n`,
    { body: 'x' },
    { target: '/b' },
  ),
  row(
    '9112 6.3',
    'a request hidden behind a body without a length',
    `POST /a HTTP/1.1\r\n${host}\r\nx=1GET /b HTTP/1.1\r\n\r\n`,
    400,
    {
      target: '/a',
      body: '',
    },
  ),
  row('9112 8', 'a head that is cut off', `GET / HTTP/1.1\r\n${host}`, 'incomplete'),
  row('9112 8', 'one byte', 'G', 'incomplete'),
  row('9112 8', 'an empty line and nothing more', '\r\n', 'incomplete'),
  row('9112 8', 'nothing', '', 'between'),
]

/** A row with these limits. */
function limited(limits: Partial<Limits>, rawRequest: RawRequest): RawRequest {
  return { ...rawRequest, limits }
}

const padded = (bytes: number) => 'x'.repeat(bytes)
const headOf = (bytes: number) => `GET / HTTP/1.1\r\n${host}X: ${padded(bytes - 32)}\r\n\r\n`
const lineOf = (bytes: number) => `GET /${padded(bytes - 16)} HTTP/1.1\r\n${host}\r\n`
const fieldOf = (bytes: number) => `GET / HTTP/1.1\r\n${host}X: ${padded(bytes - 5)}\r\n\r\n`
const fields = (count: number) => `GET / HTTP/1.1\r\n${host}${'X: y\r\n'.repeat(count - 1)}\r\n`
const extensions = (bytes: number) => `1;${padded(bytes - 6)}\r\nx\r\n0;abcd\r\n\r\n`
const trailers = (bytes: number) => `0\r\nT: ${padded(bytes - 7)}\r\n\r\n`

/** Exactly at each limit, and one beyond it. */
const limits: RawRequest[] = [
  limited({ headBytes: 64 }, good('9110 5.4', 'a head of 64 bytes', headOf(64), {})),
  limited({ headBytes: 64 }, row('6585 5', 'a head of 65 bytes', headOf(65), 431)),
  limited(
    { headBytes: 64 },
    good('9110 5.4', 'a head of 64 bytes and a body', headOf(64).repeat(3), {}, {}, {}),
  ),
  limited(
    { headBytes: 64 },
    good('9112 2.2', 'a head of 64 bytes with an empty line before it', `\r\n${headOf(62)}`, {}),
  ),
  limited(
    { headBytes: 64 },
    row('9112 2.2', 'a head of 65 bytes with an empty line before it', `\r\n${headOf(63)}`, 431),
  ),
  limited({ headBytes: 40 }, row('9110 15.5.15', 'a request line beyond the head', lineOf(41), 414)),
  limited({ headBytes: 40 }, row('6585 5', 'a request line as long as the head', lineOf(40), 431)),
  limited({ lineBytes: 40 }, good('9112 3', 'a request line of 40 bytes', lineOf(40), {})),
  limited({ lineBytes: 40 }, row('9112 3', 'a request line of 41 bytes', lineOf(41), 414)),
  limited(
    { lineBytes: 40 },
    good('9112 2.2', 'a request line of 40 bytes behind an empty line', `\r\n${lineOf(40)}`, {}),
  ),
  limited({ lineBytes: 40 }, good('9110 5.4', 'a header line of 40 bytes', fieldOf(40), {})),
  limited({ lineBytes: 40 }, row('6585 5', 'a header line of 41 bytes', fieldOf(41), 431)),
  limited({ headers: 5 }, good('9110 5.4', 'five header fields', fields(5), {})),
  limited({ headers: 5 }, row('6585 5', 'six header fields', fields(6), 431)),
  limited(
    { extensionBytes: 12 },
    good('9112 7.1.1', 'extensions of 12 bytes', chunkedHead + extensions(12), { body: 'x' }),
  ),
  limited(
    { extensionBytes: 12 },
    row('9112 7.1.1', 'extensions of 13 bytes', chunkedHead + extensions(13), 400, { body: 'x' }),
  ),
  limited(
    { extensionBytes: 12 },
    good(
      '9112 7.1.1',
      'extensions of 12 bytes in each of two bodies',
      (chunkedHead + extensions(12)).repeat(2),
      {},
      {},
    ),
  ),
  limited({ trailerBytes: 40 }, good('9112 7.1.2', 'trailers of 40 bytes', chunkedHead + trailers(40), {})),
  limited(
    { trailerBytes: 40 },
    row('9112 7.1.2', 'trailers of 41 bytes', chunkedHead + trailers(41), 431, {}),
  ),
  limited(
    { headers: 3 },
    good('9112 7.1.2', 'three trailers', `${chunkedHead}0\r\nA:\r\nB:\r\nC:\r\n\r\n`, {}),
  ),
  limited(
    { headers: 3 },
    row('9112 7.1.2', 'four trailers', `${chunkedHead}0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n`, 431, {}),
  ),
  good(
    '9110 5.4',
    'the head that is the largest by default',
    `GET /${padded(8192 - 16)} HTTP/1.1\r\n${host}X: ${padded(8192 - 9 - 7)}\r\n\r\n`,
    {},
  ),
  row(
    '6585 5',
    'a head beyond the default',
    `GET /${padded(8192 - 16)} HTTP/1.1\r\n${host}X: ${padded(8192 - 9 - 6)}\r\n\r\n`,
    431,
  ),
  row(
    '9110 15.5.15',
    'a request line beyond the default',
    `GET /${padded(8192 - 15)} HTTP/1.1\r\n${host}\r\n`,
    414,
  ),
  good('9110 5.4', '100 header fields', fields(100), {}),
  row('6585 5', '101 header fields', fields(101), 431),
]

export const rawRequests: readonly RawRequest[] = [
  ...requestLines,
  ...versions,
  ...targets,
  ...headerLines,
  ...hosts,
  ...lengths,
  ...codings,
  ...chunks,
  ...connections,
  ...limits,
]
