import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../runtime/errors.js'
import { chunks } from './chunks.js'
import { type Codec, FrameError } from './codec.js'
import { delimited } from './delimited.js'
import { lengthPrefixed } from './length-prefixed.js'
import { lines } from './lines.js'

/** What came out: frames as latin-1, and how it ended. */
interface Outcome {
  frames: string[]
  end: 'whole' | 'fault'
}

/** What a codec makes of bytes that come in these pieces, when the peer ends behind them. */
function decode<In extends Buffer | string>(codec: Codec<In, never>, pieces: readonly Buffer[]): Outcome {
  const decoder = codec.decoder()
  const frames: string[] = []
  const note = (frame: In | undefined) =>
    frame !== undefined && frames.push(typeof frame === 'string' ? frame : frame.toString('latin1'))
  try {
    for (const piece of pieces) {
      decoder.push(piece)
      while (note(decoder.next()) !== false);
    }
    note(decoder.end())
    return { frames, end: 'whole' }
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError)
    return { frames, end: 'fault' }
  }
}

/** `bytes` cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set([...places.map((place) => place % (bytes.length + 1)), bytes.length])]
  const sorted = ends.sort((a, b) => a - b)
  return sorted.map((end, i) => Buffer.from(bytes.subarray(sorted[i - 1] ?? 0, end)))
}

/** The naive twins: all bytes at once, copied. */
function naiveLengths(
  all: Buffer,
  { bytes, big, most }: { bytes: number; big: boolean; most: number },
): Outcome {
  const frames: string[] = []
  for (let rest = all; rest.length > 0; ) {
    if (rest.length < bytes) return { frames, end: 'fault' }
    const length = big ? rest.readUIntBE(0, bytes) : rest.readUIntLE(0, bytes)
    if (length > most || rest.length < bytes + length) return { frames, end: 'fault' }
    frames.push(rest.toString('latin1', bytes, bytes + length))
    rest = rest.subarray(bytes + length)
  }
  return { frames, end: 'whole' }
}

function naiveDelimited(all: Buffer, mark: string, most: number, keep: boolean): Outcome {
  const parts = all.toString('latin1').split(mark)
  const rest = parts.pop() ?? ''
  const tooLong = parts.findIndex((part) => part.length > most)
  const frames = (tooLong < 0 ? parts : parts.slice(0, tooLong)).map((part) => (keep ? part + mark : part))
  return { frames, end: tooLong < 0 && rest === '' ? 'whole' : 'fault' }
}

function naiveLines(all: Buffer, most: number): Outcome {
  const parts = all.toString('latin1').split('\n')
  if (parts.at(-1) === '') parts.pop()
  const frames = parts.map((part) => part.replace(/\r$/, ''))
  const tooLong = frames.findIndex((part) => part.length > most)
  return tooLong < 0 ? { frames, end: 'whole' } : { frames: frames.slice(0, tooLong), end: 'fault' }
}

const places = fc.array(fc.nat(10_000), { maxLength: 12 })
/** Bytes among which those that mean something are frequent. */
const bytesOf = (alphabet: string) =>
  fc.array(fc.constantFrom(...alphabet), { maxLength: 120 }).map((all) => Buffer.from(all.join(''), 'latin1'))

describe('every codec finds the same frames however the bytes are split', () => {
  it.each([
    [1, true],
    [1, false],
    [2, true],
    [2, false],
    [4, true],
    [4, false],
  ] as const)('lengths of %i bytes, big-endian: %s', (bytes, big) => {
    const most = 9
    const codec = lengthPrefixed({ bytes, endian: big ? 'big' : 'little', maxFrameBytes: most })
    const frames = fc.array(
      fc.string({ maxLength: most }).map((text) => Buffer.from(text, 'latin1')),
      { maxLength: 9 },
    )
    const whole = frames.map((all) => Buffer.concat(all.map((frame) => codec.encode(frame) as Buffer)))
    fc.assert(
      fc.property(fc.oneof(whole, bytesOf('\0\0\0\u0001\u0002\u0009\u000a')), places, (all, at) => {
        expect(decode(codec, cut(all, at))).toEqual(naiveLengths(all, { bytes, big, most }))
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    [';', false],
    ['ab', true],
    ['aab', false],
    ['aaaa', false],
  ])('the delimiter %j, kept: %s', (mark, keep) => {
    fc.assert(
      fc.property(bytesOf('aaab;'), places, fc.integer({ min: 1, max: 12 }), (all, at, most) => {
        const codec = delimited(mark, { maxFrameBytes: most, keep })
        expect(decode(codec, cut(all, at))).toEqual(naiveDelimited(all, mark, most, keep))
      }),
      { numRuns: 300 },
    )
  })

  it('lines, with LF and CRLF', () => {
    fc.assert(
      fc.property(bytesOf('abc\r\n'), places, fc.integer({ min: 1, max: 8 }), (all, at, most) => {
        expect(decode(lines({ maxLineBytes: most }), cut(all, at))).toEqual(naiveLines(all, most))
      }),
      { numRuns: 500 },
    )
  })

  it('chunks: all bytes, none twice', () => {
    fc.assert(
      fc.property(bytesOf('ab'), places, (all, at) => {
        expect(decode(chunks(), cut(all, at)).frames.join('')).toBe(all.toString('latin1'))
      }),
    )
  })

  it('gives frames one by one, also when several chunks wait', () => {
    const decoder = chunks().decoder()
    for (const text of ['a', 'b', 'c']) decoder.push(Buffer.from(text))
    expect([1, 2, 3, 4].map(() => decoder.next()?.toString())).toEqual(['a', 'b', 'c', undefined])
  })
})

describe('a frame that was sent is the frame that is received', () => {
  const throughBytes = <In extends Buffer | string, Out>(codec: Codec<In, Out>, frame: Out) => {
    const encoded = codec.encode(frame)
    const pieces = typeof encoded === 'string' || encoded instanceof Uint8Array ? [encoded] : encoded
    return decode(codec as Codec<In, never>, [
      Buffer.concat(pieces.map((piece) => Buffer.from(piece as string))),
    ])
  }

  it('with its length in front, small or large', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 100, 4095, 4096, 100_000), (length) => {
        const frame = 'x'.repeat(length)
        expect(throughBytes(lengthPrefixed(), frame)).toEqual({ frames: [frame], end: 'whole' })
      }),
    )
  })

  it('as a line of any characters but a line feed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = text.replaceAll(/[\r\n]/g, '')
        expect(throughBytes(lines(), line)).toEqual({ frames: [line], end: 'whole' })
      }),
    )
  })

  it('with a delimiter behind it', () => {
    expect(throughBytes(delimited('||'), 'a|b')).toEqual({ frames: ['a|b'], end: 'whole' })
    expect(throughBytes(delimited('||', { keep: true }), 'a||')).toEqual({ frames: ['a||'], end: 'whole' })
  })

  it('without its bytes being copied, if it is large', () => {
    const frame = Buffer.alloc(10_000)
    expect((lengthPrefixed().encode(frame) as Buffer[])[1]).toBe(frame)
  })
})

describe('a fault', () => {
  it('is told as soon as the length of a frame has come, before its bytes have', () => {
    const decoder = lengthPrefixed({ maxFrameBytes: 10 }).decoder()
    decoder.push(Buffer.from([0, 0, 0, 11]))
    expect(() => decoder.next()).toThrow('a frame of 11 bytes is longer than 10 bytes: raise maxFrameBytes')
  })

  it('is told when a line is too long, before its end has come', () => {
    const decoder = lines({ maxLineBytes: 4 }).decoder()
    decoder.push(Buffer.from('abcd'))
    expect(decoder.next()).toBeUndefined()
    decoder.push(Buffer.from('e'))
    expect(() => decoder.next()).toThrow('raise maxLineBytes')
  })

  it('tells how much of a frame had come when the peer ended within it', () => {
    const decoder = delimited(';').decoder()
    decoder.push(Buffer.from('abc'))
    expect(decoder.next()).toBeUndefined()
    expect(() => decoder.end()).toThrow('of which 3 bytes had come')
  })

  it.each([
    ['a line feed in a line', () => lines().encode('a\nb')],
    ['a line that is too long', () => lines({ maxLineBytes: 2 }).encode('abc')],
    ['a line that is too long in bytes', () => lines({ maxLineBytes: 5 }).encode('ääää')],
    ['a delimiter in a frame', () => delimited(';').encode('a;b')],
    ['a frame that makes a delimiter with its own', () => delimited('aa').encode('xa')],
    ['a frame that is too long', () => delimited(';', { maxFrameBytes: 2 }).encode('abc')],
    ['a frame that is too long for its length', () => lengthPrefixed({ bytes: 1 }).encode(Buffer.alloc(256))],
  ])('is refused where it is sent: %s', (_, encode) => {
    expect(encode).toThrow(FrameError)
  })

  it.each([
    ['an empty delimiter', () => delimited('')],
    ['a limit of no bytes', () => lines({ maxLineBytes: 0 })],
    ['a limit that is no number', () => delimited(';', { maxFrameBytes: Number.NaN })],
    ['a limit that the length cannot tell', () => lengthPrefixed({ bytes: 2, maxFrameBytes: 65_536 })],
    ['a length of three bytes', () => lengthPrefixed({ bytes: 3 as 2 })],
  ])('is refused where the codec is made: %s', (_, make) => {
    expect(make).toThrow(ArgumentError)
  })
})

it('lines are decoded as the encoding says', () => {
  const bytes = Buffer.from([0xe4, 0x0a])
  const decodeAs = (encoding: 'utf8' | 'latin1') => {
    const decoder = lines({ encoding }).decoder()
    decoder.push(bytes)
    return decoder.next()
  }
  expect(decodeAs('latin1')).toBe('ä')
  expect(decodeAs('utf8')).toBe('\ufffd')
  expect(lines({ encoding: 'latin1' }).encode('ä')).toEqual(bytes)
})
