import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonError, type JsonLimits, type JsonReason, parseJson } from './strict-json.js'

function errorOf(text: string, limits?: JsonLimits): JsonError {
  try {
    parseJson(text, limits)
  } catch (error) {
    if (error instanceof JsonError) return error
    throw error
  }
  throw new Error(`${text} was accepted`)
}

function verdictOf(text: string, limits?: JsonLimits): JsonReason | 'accepted' {
  try {
    parseJson(text, limits)
    return 'accepted'
  } catch (error) {
    if (error instanceof JsonError) return error.reason
    throw error
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Rows with what a report can show of their texts. */
function labelled<R extends [text: string, ...unknown[]]>(rows: R[]): [label: string, row: R][] {
  return rows.map((row) => [JSON.stringify(row[0].slice(0, 40)), row])
}

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth)

describe('parseJson', () => {
  it.each(
    labelled<[text: string, value: unknown]>([
      ['null', null],
      [' true\n', true],
      ['false', false],
      ['""', ''],
      ['"\\u0000"', '\0'],
      ['"\\uD83D\\uDE00 \\ud83d\\ude00 😀"', '😀 😀 😀'],
      ['"\\\\ud83d"', '\\ud83d'],
      ['"\\\\"', '\\'],
      ['"\\"{[:,"', '"{[:,'],
      ['"\\\\\\""', '\\"'],
      ['"\u007f\u2028\uffff"', '\u007f\u2028\uffff'],
      ['"\\/\\b\\f\\n\\r\\t"', '/\b\f\n\r\t'],
      ['-0', -0],
      ['0e+1', 0],
      ['1E22', 1e22],
      ['1e-999', 0],
      ['1.7976931348623157e308', Number.MAX_VALUE],
      [`1${'0'.repeat(250)}`, 1e250],
      [`0.${'0'.repeat(400)}1`, 0],
      ['[]', []],
      ['\t{ }\r\n', {}],
      ['[1, [2, {"a": [3]}], {}]', [1, [2, { a: [3] }], {}]],
      ['{"": 1, " ": 2}', { '': 1, ' ': 2 }],
      ['{"a:b": ":", "c": {"a:b": 1}}', { 'a:b': ':', c: { 'a:b': 1 } }],
      ['{"constructor": "ACME", "prototype": 1}', { constructor: 'ACME', prototype: 1 }],
      ['{"constructor": {"name": "ACME"}}', { constructor: { name: 'ACME' } }],
      ['{"1": 1, "01": 2}', { '1': 1, '01': 2 }],
      [`[${' '.repeat(500)}1${' '.repeat(500)}]`, [1]],
    ]),
  )('takes %s', (_, [text, value]) => {
    expect(parseJson(text)).toEqual(value)
  })

  it.each(
    labelled<[text: string, reason: JsonReason, offset: number]>([
      ['', 'empty', 0],
      [' \n\t', 'empty', 3],
      ['\ufeff1', 'syntax', 0],
      ['\u00a01', 'syntax', 0],
      ['nul', 'syntax', 0],
      ['True', 'syntax', 0],
      ['undefined', 'syntax', 0],
      ['NaN', 'syntax', 0],
      ['-Infinity', 'syntax', 0],
      ["'a'", 'syntax', 0],
      ['// 1\n1', 'syntax', 0],
      ['1 2', 'syntax', 2],
      ['{}}', 'syntax', 2],
      ['[1]]', 'syntax', 3],
      ['+1', 'syntax', 0],
      ['-', 'syntax', 0],
      ['01', 'syntax', 1],
      ['-01', 'syntax', 2],
      ['.5', 'syntax', 0],
      ['1.', 'syntax', 1],
      ['1e', 'syntax', 1],
      ['1e+', 'syntax', 1],
      ['0x10', 'syntax', 1],
      ['1_000', 'syntax', 1],
      ['[', 'syntax', 1],
      ['[1', 'syntax', 2],
      ['[1,', 'syntax', 3],
      ['[1,]', 'syntax', 3],
      ['[,1]', 'syntax', 1],
      ['[1 2]', 'syntax', 3],
      ['[1}', 'syntax', 2],
      ['{', 'syntax', 1],
      ['{"a"', 'syntax', 4],
      ['{"a":', 'syntax', 5],
      ['{"a":1', 'syntax', 6],
      ['{"a":1,', 'syntax', 7],
      ['{"a":1,}', 'syntax', 7],
      ['{"a" 1}', 'syntax', 5],
      ['{"a"::1}', 'syntax', 5],
      ['{a:1}', 'syntax', 1],
      ['{1:1}', 'syntax', 1],
      ['{"a":1]', 'syntax', 6],
      ['"', 'syntax', 1],
      ['"a', 'syntax', 2],
      ['"a\\"', 'syntax', 4],
      ['"\t"', 'syntax', 1],
      ['"a\nb"', 'syntax', 2],
      ['"\0"', 'syntax', 1],
      ['"\\x"', 'syntax', 1],
      ['"\\u12g4"', 'syntax', 1],
      ['"\\U0041"', 'syntax', 1],
      ['"\\ud83"', 'syntax', 1],
      ['{"a":1,"a":2}', 'duplicate-key', 7],
      ['{"a":1,"b":{"a":1},"\\u0061":2}', 'duplicate-key', 19],
      ['[{"a":1},{"b":{"c":1,"c":1}}]', 'duplicate-key', 21],
      ['{"":1,"":1}', 'duplicate-key', 6],
      ['{"1":1,"1":1}', 'duplicate-key', 7],
      ['{"__proto__":{}}', 'prototype-key', 1],
      ['[{"a":{"__proto__":null}}]', 'prototype-key', 7],
      ['{"\\u005f_proto__":1}', 'prototype-key', 1],
      ['{"constructor":{"a":1,"prototype":{}}}', 'prototype-key', 22],
      ['{"constructor":{"proto\\u0074ype":{}}}', 'prototype-key', 16],
      ['1e309', 'number-range', 0],
      ['[1,-1E+400]', 'number-range', 3],
      ['1e00309', 'number-range', 0],
      [`[0.${'0'.repeat(50)}1e999]`, 'number-range', 1],
      [`1${'0'.repeat(309)}`, 'number-range', 0],
      [`[${'0.'.padEnd(180, '1')},${'9'.repeat(320)}]`, 'number-range', 182],
      ['"\\ud83d"', 'lone-surrogate', 0],
      ['"\\uDE00"', 'lone-surrogate', 0],
      ['"\\ude00\\ud83d"', 'lone-surrogate', 0],
      ['"\\ud83d\\ud83d\\ude00"', 'lone-surrogate', 0],
      ['"\\\\ud83d\\ude00"', 'lone-surrogate', 0],
      ['[1,"\\ud83dx\\ude00"]', 'lone-surrogate', 3],
      ['{"\\udc00":1}', 'lone-surrogate', 1],
      ['"\ud83d"', 'lone-surrogate', 0],
      ['"a\udc00"', 'lone-surrogate', 0],
      [nested(65), 'depth', 64],
      [`{"a":${nested(64)}}`, 'depth', 68],
      [`["\\\\",${nested(64)},"\\\\","a\\"b"]`, 'depth', 69],
      [nested(100_000), 'depth', 64],
      ['['.repeat(100_000), 'depth', 64],
    ]),
  )('refuses %s', (_, [text, reason, offset]) => {
    const error = errorOf(text)
    expect([error.reason, error.offset]).toEqual([reason, offset])
  })

  it('takes as many levels as it is told to, of objects and arrays together', () => {
    expect(verdictOf(nested(64))).toBe('accepted')
    expect(verdictOf('[{"a":[1]}]', { maxDepth: 3 })).toBe('accepted')
    expect(verdictOf('[{"a":[1]}]', { maxDepth: 2 })).toBe('depth')
    expect(verdictOf('[[],[],[{}]]', { maxDepth: 3 })).toBe('accepted')
    expect(verdictOf(nested(1000), { maxDepth: 1000 })).toBe('accepted')
    expect(verdictOf(nested(1001), { maxDepth: 1000 })).toBe('depth')
  })

  it('refuses a limit that is none', () => {
    for (const maxDepth of [0, 1001, 1.5, Number.NaN]) {
      expect(() => parseJson('1', { maxDepth })).toThrow(
        `parseJson() needs a maxDepth from 1 to 1000, not ${maxDepth}`,
      )
    }
  })

  it('leaves prototypes as they are, whatever the text says', () => {
    for (const text of ['{"__proto__":{"x":1}}', '{"constructor":{"prototype":{"x":1}}}']) {
      expect(verdictOf(text)).toBe('prototype-key')
    }
    expect(Object.getPrototypeOf(parseJson('{"a":1}'))).toBe(Object.prototype)
    expect('x' in {}).toBe(false)
  })
})

describe('JsonError', () => {
  it('tells the line and the column', () => {
    const error = errorOf('{\n  "a": 1,\r\n  "bc": x\n}')
    expect([error.line, error.column, error.offset]).toEqual([3, 9, 21])
    expect(error.message).toBe('JSON at line 3, column 9 (offset 21): "x" stands where a value should be')
    expect(error.code).toBe('ERR_SLUICE_JSON')
  })

  it.each([
    [' ', 'JSON at line 1, column 2 (offset 1): there is no value: the text is empty'],
    ['[1', 'JSON at line 1, column 3 (offset 2): the text ends where a comma or ] should be'],
    ['{"n":1,"n":2}', 'JSON at line 1, column 8 (offset 7): the key "n" is there twice'],
    ['"\u0007"', 'JSON at line 1, column 2 (offset 1): the control character "\\u0007" has to be escaped'],
    ['1e999', 'JSON at line 1, column 1 (offset 0): the number 1e999 is beyond the range of a double'],
  ])('says what is wrong: %#', (text, message) => {
    expect(errorOf(text).message).toBe(message)
  })

  it('repeats a few characters of the text at most', () => {
    const secret = 'S'.repeat(50)
    const texts = [
      secret,
      `{"${secret}":1,"${secret}":1}`,
      `"${secret}`,
      `${'9'.repeat(400)}`,
      `{"a":1 ${secret}`,
    ]
    for (const text of texts) expect(errorOf(text).message).not.toMatch(/S{13}|9{13}/)
  })
})

/** A text as a tree, in which a key may be there twice. */
type Tree = { json: string } | { items: Tree[] } | { entries: [key: string, value: Tree][] }

/** What the rules say of a tree, in the plainest way. */
function faultsOf(tree: Tree, depth: number, name = ''): boolean {
  if ('json' in tree) return false
  if (depth === 0) return true
  if ('items' in tree) return tree.items.some((item) => faultsOf(item, depth - 1))
  const keys = tree.entries.map(([key]) => key)
  if (new Set(keys).size < keys.length || keys.includes('__proto__')) return true
  if (name === 'constructor' && keys.includes('prototype')) return true
  return tree.entries.some(([key, value]) => faultsOf(value, depth - 1, key))
}

function textOf(tree: Tree, style: { space: string; escape: boolean }): string {
  const { space } = style
  if ('json' in tree) return tree.json + space
  if ('items' in tree) return `[${space}${tree.items.map((item) => textOf(item, style)).join(`,${space}`)}]`
  const members = tree.entries.map(
    ([key, value]) => `${keyText(key, style.escape)}${space}:${textOf(value, style)}`,
  )
  return `{${members.join(`,${space}`)}${space}}${space}`
}

function keyText(key: string, isEscaped: boolean): string {
  if (!isEscaped) return JSON.stringify(key)
  return `"${[...key].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
}

const key = fc.constantFrom('a', 'b', 'c', '', '1', 'constructor', 'prototype', '__proto__', ':', '\\')
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.record({
      json: fc.jsonValue().map((value) => (typeof value === 'object' ? '"{[:"' : JSON.stringify(value))),
    }),
    fc.record({ items: fc.array(tie('tree'), { maxLength: 3 }) }),
    fc.record({ entries: fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }) }),
  ),
}))
const style = fc.record({ space: fc.constantFrom('', ' ', '\n\t'), escape: fc.boolean() })

/** Pieces that make JSON, and nearly JSON. */
const pieces = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '"b"',
    '"a":',
    '\\',
    '\\\\',
    '\\"',
    '\\u',
    'd83d',
    '\\ude00',
    '\ud83d',
  ],
  ...[
    '1',
    '-',
    '0',
    '.5',
    'e9',
    'E+',
    'e999',
    '1e400',
    'true',
    'null',
    ' ',
    '\n',
    '\t',
    '\0',
    '"__proto__":',
    'é',
  ],
)
const nearlyJson = fc.array(pieces, { maxLength: 12 }).map((all) => all.join(''))
const brokenJson = fc.tuple(fc.json(), fc.nat(), fc.nat(2), pieces).map(([text, at, gone, put]) => {
  const where = at % (text.length + 1)
  return text.slice(0, where) + put + text.slice(where + gone)
})

describe('parseJson, of any text,', () => {
  it('gives what JSON.parse gives, for all that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent)
        fc.pre(!text.includes('__proto__'))
        expect(parseJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('accepts it with the same value as JSON.parse, or gives one of the listed reasons', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyJson, brokenJson, fc.string({ unit: 'binary' })), (text) => {
        const verdict = verdictOf(text)
        if (verdict === 'accepted') expect(parseJson(text)).toEqual(JSON.parse(text))
        else if (verdict === 'syntax' || verdict === 'empty') expect(isJson(text)).toBe(false)
      }),
      { numRuns: 5000 },
    )
  })

  it('refuses exactly what has a key twice, a key of a prototype, or too many levels', () => {
    fc.assert(
      fc.property(tree, style, fc.integer({ min: 1, max: 6 }), (tree, style, maxDepth) => {
        const text = textOf(tree, style)
        // Node 26.10's own JSON.parse takes one escaped key for another now and then: what it reads wrongly shows nothing.
        fc.pre(isDeepStrictEqual(JSON.parse(text), JSON.parse(textOf(tree, { ...style, escape: false }))))
        const verdict = verdictOf(text, { maxDepth })
        expect(verdict !== 'accepted').toBe(faultsOf(tree, maxDepth))
        if (verdict === 'accepted') expect(parseJson(text)).toEqual(JSON.parse(text))
      }),
      { numRuns: 2000 },
    )
  })
})
