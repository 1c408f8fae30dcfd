import { describe, expect, it } from 'vitest'
import { parseParameters } from './header-parameters.js'

function read(text: string): unknown {
  const read = parseParameters(text)
  return read && [read.value, Object.fromEntries(read.parameters)]
}

describe('parseParameters', () => {
  it.each([
    ['form-data', ['form-data', {}]],
    ['Multipart/Form-Data; Boundary=aB', ['multipart/form-data', { boundary: 'aB' }]],
    [' a ; b=c\t;d="e;f=\\"g\\\\" ', ['a', { b: 'c', d: 'e;f="g\\' }]],
    ['a;b="C:\\dir\\file"', ['a', { b: 'C:\\dir\\file' }]],
    ["a; n*=utf-8'en'x", ['a', { 'n*': "utf-8'en'x" }]],
    ['a; b=""', ['a', { b: '' }]],
  ])('reads %j', (text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  it.each([
    '',
    ';',
    'a;',
    'a; ',
    'a b',
    'a; b',
    'a; b=',
    'a; =c',
    'a; b =c',
    'a; b= c',
    'a; b="c',
    'a; b="c"d',
    'a; b="c\\"',
    'a; b=c; B=d',
    'a, b',
    'a/b/c',
    '"a"',
  ])('refuses %j', (text) => {
    expect(read(text)).toBeUndefined()
  })

  it('is quick with a value that is long and malicious', () => {
    expect(read(`a; b="${'\\'.repeat(100_001)}`)).toBeUndefined()
    expect(read(`a${' '.repeat(100_000)}b`)).toBeUndefined()
  })
})
