import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { duplicateKey } from './duplicate-key.js'

describe('the search for a key that is there twice', () => {
  it.each([
    ['{"a": 1, "a": 2}', '/a'],
    ['{"a": {"b": [0, {"c/d": 1, "c\\/d": 2}]}}', '/a/b/1/c~1d'],
    ['{"a": {}, "b": {"a": 1}, "c": "a"}', undefined],
    ['[{"a": 1}, {"a": 1}]', undefined],
    ['{"a": "\\",\\"a\\":", "b": ["a", "a"]}', undefined],
    ['"a"', undefined],
    ['{"": 1, "": 2}', '/'],
  ])('finds it: %s', (text, found) => {
    expect(duplicateKey(text)).toBe(found)
  })

  it('finds none in what is written by JSON.stringify', () => {
    fc.assert(fc.property(fc.json(), (text) => duplicateKey(JSON.stringify(JSON.parse(text))) === undefined))
  })

  it('finds each that is put in', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), {
      minKeys: 1,
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(object, fc.nat(), (value, n) => {
        const key = Object.keys(value)[n % Object.keys(value).length] as string
        const text = `[[], ${JSON.stringify(value).slice(0, -1)}, ${JSON.stringify(key)}: null}]`
        return duplicateKey(text) === `/1/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
      }),
    )
  })

  it('takes as long as the text is', () => {
    const began = performance.now()
    duplicateKey(`["${'\\\\'.repeat(250_000)}", "${'x'.repeat(250_000)}"]`)
    duplicateKey('['.repeat(500_000))
    expect(performance.now() - began).toBeLessThan(5000)
  })
})
