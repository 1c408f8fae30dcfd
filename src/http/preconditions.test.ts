import { describe, expect, it } from 'vitest'
import { MemoryRequest } from '../../test/http/memory-exchange.js'
import { rangeApplies, type Validators, type Verdict, verdict } from './preconditions.js'

const lastModifiedMs = Date.UTC(2026, 0, 2)
const before = new Date(lastModifiedMs - 1000).toUTCString()
const same = new Date(lastModifiedMs).toUTCString()
const after = new Date(lastModifiedMs + 1000).toUTCString()

const strong: Validators = { etag: '"a,b"', lastModifiedMs, isDateExact: true }
const weak: Validators = { etag: 'W/"a,b"', lastModifiedMs, isDateExact: false }
const none: Validators = { etag: undefined, lastModifiedMs: undefined, isDateExact: false }

type Fields = Record<string, string>
const get = (fields: Fields) => new MemoryRequest('GET /', fields)

describe('verdict', () => {
  it.each<[Fields, Validators, Verdict]>([
    [{}, strong, 'proceed'],
    [{ 'If-Match': '"a,b"' }, strong, 'proceed'],
    [{ 'If-Match': '"x", "a,b"' }, strong, 'proceed'],
    [{ 'If-Match': '*' }, none, 'proceed'],
    [{ 'If-Match': '"x"' }, strong, 'failed'],
    [{ 'If-Match': 'W/"a,b"' }, weak, 'failed'],
    [{ 'If-Match': '"a,b"' }, none, 'failed'],
    [{ 'If-Match': 'nonsense' }, strong, 'failed'],
    [{ 'If-Unmodified-Since': same }, strong, 'proceed'],
    [{ 'If-Unmodified-Since': before }, strong, 'failed'],
    [{ 'If-Unmodified-Since': 'yesterday' }, strong, 'proceed'],
    [{ 'If-Unmodified-Since': before }, none, 'proceed'],
    [{ 'If-None-Match': '"a,b"' }, strong, 'not modified'],
    [{ 'If-None-Match': 'W/"a,b"' }, strong, 'not modified'],
    [{ 'If-None-Match': '"x","a,b"' }, weak, 'not modified'],
    [{ 'If-None-Match': '*' }, none, 'not modified'],
    [{ 'If-None-Match': '"a", "b"' }, strong, 'proceed'],
    [{ 'If-None-Match': '"a,b"' }, none, 'proceed'],
    [{ 'If-Modified-Since': before }, strong, 'proceed'],
    [{ 'If-Modified-Since': same }, strong, 'not modified'],
    [{ 'If-Modified-Since': after }, strong, 'not modified'],
    [{ 'If-Modified-Since': '2026-01-02' }, strong, 'proceed'],
    [{ 'If-Modified-Since': after }, none, 'proceed'],
  ])('for %j of %j is %s', (fields, current, expected) => {
    expect(verdict(get(fields), current)).toBe(expected)
  })

  it.each<[string, Fields, Verdict]>([
    [
      'If-Match before If-Unmodified-Since',
      { 'If-Match': '"a,b"', 'If-Unmodified-Since': before },
      'proceed',
    ],
    ['If-Match before If-None-Match', { 'If-Match': '"x"', 'If-None-Match': '"a,b"' }, 'failed'],
    [
      'If-Unmodified-Since before If-None-Match',
      { 'If-Unmodified-Since': before, 'If-None-Match': '*' },
      'failed',
    ],
    [
      'If-None-Match before If-Modified-Since',
      { 'If-None-Match': '"x"', 'If-Modified-Since': after },
      'proceed',
    ],
    [
      'If-None-Match behind an If-Match that holds',
      { 'If-Match': '*', 'If-None-Match': '"a,b"' },
      'not modified',
    ],
  ])('asks %s', (_, fields, expected) => {
    expect(verdict(get(fields), strong)).toBe(expected)
  })
})

describe('rangeApplies', () => {
  it.each<[string | undefined, Validators, boolean]>([
    [undefined, strong, true],
    ['"a,b"', strong, true],
    ['"x"', strong, false],
    ['W/"a,b"', weak, false],
    ['"a,b"', none, false],
    [same, strong, true],
    [before, strong, false],
    [after, strong, false],
    [same, weak, false],
    ['yesterday', none, false],
    ['yesterday', { ...none, isDateExact: true }, false],
  ])('with If-Range: %s of %j is %s', (ifRange, current, expected) => {
    expect(rangeApplies(get(ifRange === undefined ? {} : { 'If-Range': ifRange }), current)).toBe(expected)
  })
})
