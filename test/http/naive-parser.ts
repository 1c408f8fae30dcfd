/**
 * The parser's naive twin: slow, over all bytes at once, with the regular expressions of the RFCs' grammars. It says the
 * same of every input as the parser under test, or one of them is wrong.
 */
import type { Limits } from '../../src/http/limits.js'
import type { End, Outcome, Seen } from './drive.js'

const tchar = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]"
const visible = '[\\t\\x20-\\x7e\\x80-\\xff]'
const hex = '[0-9A-Fa-f]'

// RFC 9112, 3: method SP request-target SP HTTP-version. The target has what browsers send in addition: [ ] ^ ` { | }
const methodPart = new RegExp(`^${tchar}*`)
const targetPart = new RegExp(`^(?:[!$&-;=?-\\[\\]-~]|%${hex}{2})*`)
const escapePart = new RegExp(`^%${hex}?$`)

// RFC 9112, 5: field-name ":" OWS field-value OWS
const valuePart = new RegExp(`^${visible}*`)

// RFC 9112, 7.1: chunk-size [ chunk-ext ], without BWS.
const quoted = `"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\${visible})*"`
const sizeLine = new RegExp(`^${hex}{1,12}(?:;${tchar}+(?:=(?:${tchar}+|${quoted}))?)*$`)
/** One of these makes a size line whole, whatever it stopped in. */
const endings = ['', '0', 'a', '"', 'a"']

// RFC 3986, 3.2.2 and 3.2.3
const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const h16 = `${hex}{1,4}`
const ls32 = `(?:${h16}:${h16}|${octet}(?:\\.${octet}){3})`
const address = [
  `(?:${h16}:){6}${ls32}`,
  `::(?:${h16}:){5}${ls32}`,
  `(?:${h16})?::(?:${h16}:){4}${ls32}`,
  `(?:(?:${h16}:){0,1}${h16})?::(?:${h16}:){3}${ls32}`,
  `(?:(?:${h16}:){0,2}${h16})?::(?:${h16}:){2}${ls32}`,
  `(?:(?:${h16}:){0,3}${h16})?::${h16}:${ls32}`,
  `(?:(?:${h16}:){0,4}${h16})?::${ls32}`,
  `(?:(?:${h16}:){0,5}${h16})?::${h16}`,
  `(?:(?:${h16}:){0,6}${h16})?::`,
].join('|')
const name = `(?:[-._~!$&'()*+,;=0-9A-Za-z]|%${hex}{2})+`
const authority = new RegExp(`^(?:${name}|\\[(?:${address})\\])(?::([0-9]*))?$`)
const url = /^https?:\/\/([^/?]*)(.*)$/i

const forbiddenTrailers = new Set(
  `content-length transfer-encoding host connection trailer te upgrade expect content-encoding content-type
   content-range authorization cookie set-cookie cache-control`.split(/\s+/),
)

/** Why nothing more is read. No Error: a stack costs more than all the rest, a million times. */
class Stop {
  constructor(readonly end: End) {}
}

/** What is to be made of all these bytes. */
export function parseNaively(text: string, limits: Limits): Outcome {
  const outcome: Outcome = { requests: [], end: 'between', consumed: 0 }
  try {
    while (outcome.consumed < text.length) {
      outcome.consumed = new Message(text, limits, outcome.requests).read(outcome.consumed)
      if (outcome.requests.at(-1)?.keepAlive === false) throw new Stop('closed')
    }
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop
    outcome.end = stop.end
  }
  return outcome
}

class Message {
  private method = ''
  private target = ''
  private urlHost: string | undefined
  private minorVersion = 1
  /** Header fields, names in lower case. */
  private readonly fields: [name: string, value: string][] = []
  private count = 0

  constructor(
    private readonly text: string,
    private readonly limits: Limits,
    private readonly requests: Seen[],
  ) {}

  /** @returns where the message ends. */
  read(start: number): number {
    const bound = start + this.limits.headBytes
    const lineStart = this.skipEmptyLine(start)
    const fieldsStart = this.line(lineStart, bound, 414, (line, isWhole) => this.requestLine(line, isWhole))
    const fieldsEnd = this.section(fieldsStart, bound, (field) => this.headerField(field))
    const seen = this.seen(this.text.slice(fieldsStart, fieldsEnd - 2))
    this.requests.push(seen)
    const end = this.body(seen, fieldsEnd)
    seen.isWhole = true
    return end
  }

  private skipEmptyLine(start: number): number {
    if (this.text.slice(start) === '\r') throw new Stop('incomplete')
    return this.text.startsWith('\r\n', start) ? start + 2 : start
  }

  /** One line, checked also where it is not whole yet. @returns where the next one begins. */
  private line(
    start: number,
    bound: number,
    tooLong: number,
    check: (line: string, isWhole: boolean) => void,
  ): number {
    const limit = Math.min(start + this.limits.lineBytes, bound)
    const end = this.text.indexOf('\r\n', start)
    if (end >= 0 && end + 2 <= limit) {
      check(this.text.slice(start, end), true)
      return end + 2
    }
    check(this.text.slice(start, limit), false)
    throw new Stop(this.text.length > limit ? tooLong : 'incomplete')
  }

  /** Header lines and the empty one behind them. */
  private section(start: number, bound: number, take: (field: [string, string]) => void): number {
    this.count = 0
    for (let at = start; ; ) {
      const next = this.line(at, bound, 431, (line, isWhole) => this.fieldLine(line, isWhole, take))
      if (next === at + 2) return next
      at = next
    }
  }

  private requestLine(line: string, isWhole: boolean): void {
    const [method = ''] = methodPart.exec(line) ?? []
    if (method === '' && (isWhole || line !== '')) throw new Stop(400)
    if (method.length > 24) throw new Stop(501)
    if (method === line && !isWhole) return
    if (line[method.length] !== ' ') throw new Stop(400)
    const rest = line.slice(method.length + 1)
    const [target = ''] = targetPart.exec(rest) ?? []
    const behind = rest.slice(target.length)
    if ((behind === '' || escapePart.test(behind)) && !isWhole) return
    if (behind[0] !== ' ' || target === '') throw new Stop(400)
    this.method = method
    this.takeTarget(target)
    this.takeVersion(behind.slice(1), isWhole)
  }

  private takeTarget(target: string): void {
    this.target = target
    if (this.method === 'CONNECT') throw new Stop(501)
    if (target.startsWith('/') || (target === '*' && this.method === 'OPTIONS')) return
    const [, host = '', path = ''] = url.exec(target) ?? []
    if (host === '' || !isAuthority(host)) throw new Stop(400)
    this.urlHost = host
    this.target = path.startsWith('/') ? path : `/${path}`
  }

  private takeVersion(text: string, isWhole: boolean): void {
    const [version = ''] = text.split('\r')
    if (version.includes('\n') || version.length > 8) throw new Stop(400)
    if (version === text && !isWhole) return
    if (!/^HTTP\/\d\.\d$/.test(version)) throw new Stop(400)
    if (!/^HTTP\/1\.[01]$/.test(version)) throw new Stop(505)
    const behind = text.slice(version.length)
    if (behind !== '' && (isWhole || behind !== '\r')) throw new Stop(400)
    this.minorVersion = Number(version[7])
  }

  private fieldLine(line: string, isWhole: boolean, take: (field: [string, string]) => void): void {
    if (line === '' || (line === '\r' && !isWhole)) return
    const [name = ''] = methodPart.exec(line) ?? []
    if (name === '') throw new Stop(400)
    if (++this.count > this.limits.headers) throw new Stop(431)
    if (name === line && !isWhole) return
    if (line[name.length] !== ':') throw new Stop(400)
    const rest = line.slice(name.length + 1)
    const [value = ''] = valuePart.exec(rest) ?? []
    const behind = rest.slice(value.length)
    if (behind !== '' && (isWhole || behind !== '\r')) throw new Stop(400)
    if (isWhole) take([name.toLowerCase(), trim(value)])
  }

  private headerField(field: [name: string, value: string]): void {
    const [name, value] = field
    const isAgain = this.fields.some(([other]) => other === name)
    this.fields.push(field)
    if (name === 'host' && (isAgain || (value !== '' && !isAuthority(value)))) throw new Stop(400)
    if (name === 'content-length') {
      if (isAgain || !/^[0-9]+$/.test(value)) throw new Stop(400)
      if (BigInt(value) > BigInt(Number.MAX_SAFE_INTEGER)) throw new Stop(413)
    }
    if (name === 'transfer-encoding') {
      if (isAgain) throw new Stop(400)
      const codings = members(value)
      if (codings.filter((coding) => coding === 'chunked').length !== 1) throw new Stop(400)
      if (codings.includes('') || codings.at(-1) !== 'chunked') throw new Stop(400)
      if (codings.length > 1) throw new Stop(501)
    }
    if (name === 'expect' && value.toLowerCase() !== '100-continue') throw new Stop(417)
  }

  /** @throws Stop for what can be said only when all fields are known. */
  private seen(fields: string): Seen {
    const hasCoding = this.value('transfer-encoding') !== undefined
    if (hasCoding && (this.value('content-length') !== undefined || this.minorVersion === 0))
      throw new Stop(400)
    if (this.value('host') === undefined && this.minorVersion === 1) throw new Stop(400)
    const options = this.fields.flatMap(([name, value]) => (name === 'connection' ? members(value) : []))
    const isNew = this.minorVersion === 1
    return {
      method: this.method,
      target: this.target,
      host: this.urlHost ?? this.value('host') ?? '',
      minorVersion: this.minorVersion,
      fields,
      body: '',
      isWhole: false,
      keepAlive: !options.includes('close') && (isNew || options.includes('keep-alive')),
      expectsContinue: isNew && this.value('expect') !== undefined,
      wantsUpgrade: isNew && options.includes('upgrade') && this.value('upgrade') !== undefined,
    }
  }

  private value(name: string): string | undefined {
    return this.fields.find(([other]) => other === name)?.[1]
  }

  private body(seen: Seen, start: number): number {
    if (this.value('transfer-encoding') !== undefined) return this.chunks(seen, start)
    const end = start + Number(this.value('content-length') ?? 0)
    seen.body = this.text.slice(start, end)
    if (end > this.text.length) throw new Stop('incomplete')
    return end
  }

  private chunks(seen: Seen, start: number): number {
    let extensionBytes = 0
    for (let at = start; ; ) {
      const size = this.sizeLine(at, this.limits.extensionBytes - extensionBytes)
      extensionBytes += size.extensionBytes
      at = size.end
      if (size.bytes === 0) {
        return this.section(at, at + this.limits.trailerBytes, ([name]) => {
          if (forbiddenTrailers.has(name)) throw new Stop(400)
        })
      }
      seen.body += this.text.slice(at, at + size.bytes)
      const behind = this.text.slice(at + size.bytes, at + size.bytes + 2)
      if (!'\r\n'.startsWith(behind)) throw new Stop(400)
      if (behind !== '\r\n') throw new Stop('incomplete')
      at += size.bytes + 2
    }
  }

  private sizeLine(start: number, mostBytes: number): { bytes: number; extensionBytes: number; end: number } {
    const end = this.text.indexOf('\r\n', start)
    const text = end < 0 ? this.text.slice(start) : this.text.slice(start, end)
    const line = end < 0 && text.endsWith('\r') ? text.slice(0, -1) : text
    const isAllowed =
      end < 0 && line === text ? endings.some((ending) => sizeLine.test(line + ending)) : sizeLine.test(line)
    const digits = line.split(';', 1)[0] ?? ''
    const extensionBytes = line.length - digits.length
    if (!isAllowed || extensionBytes > mostBytes) throw new Stop(400)
    if (end < 0) throw new Stop('incomplete')
    return { bytes: Number.parseInt(digits, 16), extensionBytes, end: end + 2 }
  }
}

function isAuthority(text: string): boolean {
  const match = authority.exec(text)
  return match !== null && Number(match[1] ?? 0) <= 65_535
}

/** Source: RFC 9110, 5.6.1. */
function members(value: string): string[] {
  return value.toLowerCase().split(',').map(trim)
}

function trim(value: string): string {
  return value.replace(/^[\t ]+|[\t ]+$/g, '')
}
