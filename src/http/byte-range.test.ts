import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AskedRange, parseRange } from './byte-range.js'

describe('parseRange', () => {
  it.each<[string, AskedRange]>([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=0-9', { start: 0, end: 10 }],
    ['Bytes=2-', { start: 2, end: 10 }],
    ['bytes=-3', { start: 7, end: 10 }],
    ['bytes=-500', { start: 0, end: 10 }],
    ['bytes=9-99999999999999999999999', { start: 9, end: 10 }],
    ['bytes= 2-3 ,', { start: 2, end: 4 }],
    ['bytes=2-3, 20-30', { start: 2, end: 4 }],
  ])('reads %j of ten bytes', (field, range) => {
    expect(parseRange(field, 10)).toEqual(range)
  })

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=99999999999999999999-', 'bytes=10-,11-'])(
    'finds nothing of ten bytes for %j',
    (field) => {
      expect(parseRange(field, 10)).toBe('unsatisfiable')
    },
  )

  it.each([
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=1',
    'bytes=5-3',
    'bytes=--3',
    'bytes=1-2-3',
    'bytes=0x1-0x2',
    'bytes=0-1;2-3',
    'bytes=0-1, x',
    'lines=0-1',
    'bytes 0-1',
  ])('ignores %j, which is malformed or of another unit', (field) => {
    expect(parseRange(field, 10)).toBe('all')
  })

  it.each(['bytes=0-1,3-4', 'bytes=0-1,0-1', 'bytes=0-,0-,0-'])('ignores several ranges: %j', (field) => {
    expect(parseRange(field, 10)).toBe('all')
  })

  it('ignores any range of nothing', () => {
    expect(parseRange('bytes=0-', 0)).toBe('all')
    expect(parseRange('bytes=-1', 0)).toBe('all')
  })

  it('finds the bytes that a look at each of them finds', () => {
    const bound = fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined })
    const specs = fc.array(fc.tuple(bound, bound), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(specs, fc.integer({ min: 1, max: 20 }), (ranges, size) => {
        const field = `bytes=${ranges.map(([first, last]) => `${first ?? ''}-${last ?? ''}`).join(',')}`
        const asked = parseRange(field, size)
        const found =
          typeof asked === 'string'
            ? asked
            : Array.from({ length: asked.end - asked.start }, (_, i) => asked.start + i)
        expect(found).toEqual(naive(ranges, size))
      }),
    )
  })
})

type Spec = readonly [first: number | undefined, last: number | undefined]

/** The same by looking at each byte whether it is meant. */
function naive(specs: readonly Spec[], size: number): number[] | string {
  const all = Array.from({ length: size }, (_, i) => i)
  if (specs.some(([first, last]) => first === undefined && last === undefined)) return 'all'
  if (specs.some(([first, last]) => first !== undefined && last !== undefined && last < first)) return 'all'
  const hits = specs
    .map(([first, last]) =>
      all.filter((byte) =>
        first === undefined ? size - byte <= (last ?? 0) : byte >= first && byte <= (last ?? size),
      ),
    )
    .filter((bytes) => bytes.length > 0)
  if (hits.length === 0) return 'unsatisfiable'
  return hits.length === 1 ? (hits[0] ?? []) : 'all'
}
