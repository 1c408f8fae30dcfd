/** Requests at random: grown from the grammar, and then damaged. The same seed gives the same requests. */

/** A number from 0 to below another. */
export type Random = (below: number) => number

/** Marsaglia's xorshift: fast, and good enough to choose with. */
export function random(seed: number): Random {
  let state = Math.imul(seed | 0, 0x9e3779b1) ^ 0x5bd1e995 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** What requests are damaged with: what the grammar treats in a way of its own, and pieces of framing. */
export const tokens: readonly string[] = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    ' ',
    '\t',
    '\0',
    '\x7f',
    '\x80',
    '\xa0',
    '\xff',
    '\v',
    ':',
    ';',
    ',',
    '=',
    '"',
  ],
  ...[
    '\\',
    '/',
    '?',
    '#',
    '%',
    '%4',
    '%41',
    '*',
    '@',
    '[',
    ']',
    '[::1]',
    '-',
    '+',
    '.',
    '0',
    '1',
    '5',
    '9',
    'a',
    'F',
    'g',
  ],
  ...[
    'GET',
    'POST',
    'CONNECT',
    'OPTIONS',
    'HTTP/1.1',
    'HTTP/1.0',
    'HTTP/2.0',
    'http://b',
    'https://b:1',
    '0x',
    '00',
  ],
  ...[
    'Host: b\r\n',
    'Host:',
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'Content-Length:',
    'Expect: 100-continue\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    'Transfer-Encoding:',
    'chunked',
    'identity',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Connection: upgrade\r\n',
    'Upgrade: x\r\n',
    'Expect: x\r\n',
  ],
  ...[
    '0\r\n\r\n',
    '1\r\nx\r\n',
    '5\r\nhello\r\n',
    ';a=b',
    ';a="b"',
    ' \r\n',
    '\r\n ',
    '\n\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  ],
]

const methods = [
  'GET',
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'M-SEARCH',
  'x',
  'CONNECT',
]
const targets = [
  '/',
  '/a',
  '/a/b?c=d',
  '/%41',
  '/a?b=%20',
  'http://b/',
  'http://b?c',
  'https://[::1]:8/x',
  '*',
  'a:1',
]
const versions = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2']
const hosts = ['a', 'a:80', 'example.com', '[::1]:8080', '', 'a b', 'a:x']
const others = [
  'X: y',
  'X:',
  'X:  y  ',
  'Accept: */*',
  'Connection: keep-alive',
  'Connection: close',
  'Expect: 100-continue',
]
const extensions = ['', '', '', ';a', ';a=b', ';a="b c"', ';a="\\""', ';a;b=c']

/** A request, mostly a valid one. */
export function grow(random: Random): string {
  const of = (list: readonly string[]) => list[random(list.length)] as string
  const lines = [`${of(methods)} ${of(targets)} ${of(versions)}`]
  if (random(16) !== 0) lines.push(`Host: ${of(hosts)}`)
  for (let k = random(4); k > 0; k--) lines.push(of(others))
  const kind = random(4)
  const body = 'x'.repeat(random(12))
  if (kind === 1) lines.push(`Content-Length: ${body.length}`)
  if (kind === 2) lines.push('Transfer-Encoding: chunked')
  const head = `${lines.join('\r\n')}\r\n\r\n`
  if (kind === 1) return head + body
  return kind === 2 ? head + chunks(random, of) : head
}

function chunks(random: Random, of: (list: readonly string[]) => string): string {
  let text = ''
  for (let k = random(3); k > 0; k--) {
    const size = 1 + random(20)
    text += `${size.toString(16)}${of(extensions)}\r\n${'y'.repeat(size)}\r\n`
  }
  return `${text}0${of(extensions)}\r\n${random(3) === 0 ? 'T: z\r\n' : ''}\r\n`
}

/** The text with one fault more. @param other what a piece may be taken from. */
export function damage(random: Random, text: string, other: string): string {
  const at = random(text.length + 1)
  const to = at + 1 + random(4)
  switch (random(8)) {
    case 0:
    case 1:
      return text.slice(0, at) + tokens[random(tokens.length)] + text.slice(at)
    case 2:
      return text.slice(0, at) + tokens[random(tokens.length)] + text.slice(to)
    case 3:
      return text.slice(0, at) + text.slice(to)
    case 4:
      return text.slice(0, to) + text.slice(at)
    case 5:
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1)
    case 6:
      return text.slice(0, at) + other.slice(random(other.length + 1))
    default:
      return damageLine(random, text)
  }
}

/** Takes a line away, or puts one somewhere else too. */
function damageLine(random: Random, text: string): string {
  const lines = text.split('\r\n')
  const from = random(lines.length)
  const line = lines[from] as string
  if (random(2) === 0) lines.splice(from, 1)
  else lines.splice(random(lines.length + 1), 0, line)
  return lines.join('\r\n')
}
