import { describe, expect, it } from 'vitest'
import { bytesOf, cut } from '../../test/http/drive.js'
import { ChunkedParser } from './chunked-parser.js'
import { defaultLimits } from './limits.js'
import { COMPLETE, INCOMPLETE, REFUSED } from './request-parser.js'

// The grammar, in every split, is the matter of test/http/raw-requests.ts and request-parser.test.ts.
describe('ChunkedParser', () => {
  it('gives a piece of data a call, where it lies', () => {
    const parser = new ChunkedParser(defaultLimits)
    const bytes = bytesOf('2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\nnext')
    expect(pieces(parser, bytes)).toEqual(['ab', 'c'])
    expect(bytes.toString('latin1', parser.at)).toBe('next')
  })

  it('gives data as it comes, before its chunk is whole', () => {
    const parser = new ChunkedParser(defaultLimits)
    expect(parser.next(bytesOf('5\r\nab'), 0)).toBe(INCOMPLETE)
    expect([parser.dataStart, parser.dataEnd, parser.at]).toEqual([3, 5, 5])
    expect(parser.next(bytesOf('cde\r\n'), 0)).toBe(INCOMPLETE)
    expect([parser.dataStart, parser.dataEnd]).toEqual([0, 3])
  })

  it('knows a trailer that came in parts when its bytes are overwritten', () => {
    const parser = new ChunkedParser(defaultLimits)
    const bytes = bytesOf('0\r\nHost: b')
    expect(parser.next(bytes, 0)).toBe(INCOMPLETE)
    bytes.fill(0)
    expect(parser.next(bytesOf('\r\n\r\n'), 0)).toBe(REFUSED)
    expect(parser.reason).toBe('Host is not allowed in a trailer section')
  })

  it('stops behind the empty line, however the trailers came', () => {
    const bytes = bytesOf('0\r\nA: b\r\n\r\nnext')
    for (let place = 3; place < bytes.length - 4; place++) {
      const parser = new ChunkedParser(defaultLimits)
      const [first, second] = cut(bytes, place) as [Buffer, Buffer]
      expect(parser.next(first, 0)).toBe(INCOMPLETE)
      expect(parser.next(second, 0)).toBe(COMPLETE)
      expect(second.toString('latin1', parser.at)).toBe('next')
    }
  })

  it('reads one body after another, each with all of its limits', () => {
    const parser = new ChunkedParser({ ...defaultLimits, extensionBytes: 4 })
    const bytes = bytesOf('1;abc\r\nx\r\n0\r\nA: b\r\n\r\n')
    for (let k = 0; k < 3; k++) {
      const [first, second] = cut(bytes, bytes.length - 3) as [Buffer, Buffer]
      expect(parser.next(first, 0)).toBe(INCOMPLETE)
      expect(parser.next(first, parser.at)).toBe(INCOMPLETE)
      expect(parser.next(second, 0)).toBe(COMPLETE)
      expect(parser.at).toBe(3)
    }
  })

  it('says what is wrong', () => {
    const parser = new ChunkedParser(defaultLimits)
    expect(parser.next(bytesOf('-1\r\n'), 0)).toBe(REFUSED)
    expect([parser.status, parser.reason]).toEqual([400, 'a chunk has no size'])
  })
})

/** The pieces of a body that is whole. */
function pieces(parser: ChunkedParser, bytes: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; ; at = parser.at) {
    const parsed = parser.next(bytes, at)
    if (parser.dataEnd > parser.dataStart)
      found.push(bytes.toString('latin1', parser.dataStart, parser.dataEnd))
    if (parsed === COMPLETE) return found
    if (parsed === REFUSED || parser.at >= bytes.length) throw new Error(parser.reason)
  }
}
