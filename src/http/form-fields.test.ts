import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FormLimits, parseForm } from './form-fields.js'
import { HttpError } from './http-error.js'

const parse = (text: string, limits?: FormLimits) => parseForm(Buffer.from(text), limits)

function errorOf(body: string | Uint8Array, limits?: FormLimits): HttpError {
  try {
    parseForm(Buffer.from(body), limits)
  } catch (error) {
    if (error instanceof HttpError) return error
    throw error
  }
  throw new Error('the body was accepted')
}

describe('parseForm', () => {
  it.each([
    ['', []],
    ['a=1', [['a', '1']]],
    [
      'a=1&b=2&a=3',
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
    ],
    ['a', [['a', '']]],
    ['a=', [['a', '']]],
    ['=1', [['', '1']]],
    ['=', [['', '']]],
    ['&&a=1&&', [['a', '1']]],
    ['a=b=c', [['a', 'b=c']]],
    ['a+b=c+d%2B', [['a b', 'c d+']]],
    ['%61%3D=%26%3d', [['a=', '&=']]],
    ['n=Gr%C3%B6%c3%9fe', [['n', 'Größe']]],
    ['n=Größe😀', [['n', 'Größe😀']]],
    ['a=%00', [['a', '\0']]],
    ['a=%EF%BB%BFx', [['a', '\ufeffx']]],
    ['__proto__=1', [['__proto__', '1']]],
    ['a;b=1', [['a;b', '1']]],
  ])('decodes %j', (text, fields) => {
    expect([...parse(text)]).toEqual(fields)
  })

  it('reads a view of a larger buffer', () => {
    expect([...parseForm(Buffer.from('xxa=1xx').subarray(2, 5))]).toEqual([['a', '1']])
  })

  it.each(['a=%', 'a=%4', 'a=%4&b=1', 'a=%zz', 'a=%4g', '%=1', 'a=100%&b=2', 'a=%-1', 'a=%%41'])(
    'refuses a % that is not followed by two hexadecimal digits: %j',
    (text) => {
      const error = errorOf(text)
      expect(error.status).toBe(400)
      expect(error.detail).toBe(
        `the form has a % at byte ${text.indexOf('%')} that is not followed by two hexadecimal digits`,
      )
    },
  )

  it.each<[string | Uint8Array, number]>([
    ['a=1&b=%FF', 6],
    ['a=%C3', 2],
    ['a=%C3&%B6=1', 2],
    ['a=%ED%A0%80', 2],
    ['%C0%80=1', 0],
    [Uint8Array.of(0x61, 0x3d, 0xff), 2],
  ])('refuses what is not UTF-8: %j', (body, at) => {
    const error = errorOf(body)
    expect([error.status, error.detail]).toEqual([
      400,
      `the form has a field at byte ${at} that is not UTF-8`,
    ])
  })

  it('refuses more fields than it is told to take', () => {
    expect(parse('a&b&&c&', { maxFields: 3 }).size).toBe(3)
    const error = errorOf('a&b&c&d', { maxFields: 3 })
    expect([error.status, error.detail]).toEqual([413, 'the form has more than 3 fields'])
    expect(errorOf('a&'.repeat(1001)).detail).toBe('the form has more than 1000 fields')
  })

  it('refuses a field that is longer than it is told to take, as it was sent', () => {
    expect(parse('a=%41&b=%42', { maxFieldBytes: 5 }).size).toBe(2)
    const error = errorOf('a=1&b=%41x', { maxFieldBytes: 5 })
    expect([error.status, error.detail]).toEqual([413, 'the form has a field of more than 5 bytes'])
  })

  it('reads what URLSearchParams writes', () => {
    const pairs = fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })))
    fc.assert(
      fc.property(pairs, (pairs) => {
        expect([...parse(new URLSearchParams(pairs).toString())]).toEqual(pairs)
      }),
    )
  })

  it('reads any body as URLSearchParams does, or refuses what that would guess', () => {
    const pieces = fc.constantFrom(
      'a',
      'b',
      '=',
      '&',
      '+',
      '%',
      '%41',
      '%c3%b6',
      '%ff',
      '%zz',
      'ö',
      '😀',
      ';',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 10 }), (pieces) => {
        const text = pieces.join('')
        // Without the ? it would take one from the text.
        const guessed = [...new URLSearchParams(`?${text}`)]
        const isGuess = /%(?![0-9a-f]{2})/.test(text) || guessed.flat().join().includes('\ufffd')
        if (isGuess) expect(errorOf(text).status).toBe(400)
        else expect([...parse(text)]).toEqual(guessed)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('FormFields', () => {
  const fields = parse('a=1&b=2&a=3')

  it('gives the first value of a name, and all of them', () => {
    expect([fields.get('a'), fields.get('b'), fields.get('c')]).toEqual(['1', '2', undefined])
    expect([fields.getAll('a'), fields.getAll('c')]).toEqual([['1', '3'], []])
    expect([fields.has('a'), fields.has('c'), fields.has('toString')]).toEqual([true, false, false])
  })

  it('cannot be changed through what it gives', () => {
    fields.getAll('a').push('4')
    expect(fields.getAll('a')).toEqual(['1', '3'])
  })
})
