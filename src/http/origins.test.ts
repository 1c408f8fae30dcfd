import { describe, expect, it } from 'vitest'
import { MemoryRequest } from '../../test/http/memory-exchange.js'
import { type Origins, originCheck } from './origins.js'

const req = new MemoryRequest('GET /')

describe('originCheck', () => {
  it.each<[Origins, string, boolean]>([
    ['https://example.com', 'https://example.com', true],
    ['https://example.com', 'http://example.com', false],
    ['https://example.com', 'https://example.com:8443', false],
    ['https://example.com', 'https://example.com.evil.net', false],
    [['https://a.example', 'http://localhost:5173'], 'http://localhost:5173', true],
    [['https://a.example', /^https:\/\/[a-z]+\.b\.example$/], 'https://x.b.example', true],
    [/^https:\/\/[a-z]+\.b\.example$/, 'https://x.b.example.evil.net', false],
    [/^(?:https:\/\/a\.example|https:\/\/b\.example)$/, 'https://b.example', true],
    [/^https:\/\/[a|b]\.example$/, 'https://a.example', true],
    ['capacitor://localhost', 'capacitor://localhost', true],
    ['*', 'https://anybody.example', true],
    [(origin) => origin.endsWith('.example'), 'https://a.example', true],
  ])('%s allows %s: %s', (origins, origin, allowed) => {
    expect(originCheck(origins)(origin, req)).toBe(allowed)
  })

  it('does not remember where an expression has matched', () => {
    const allows = originCheck(/^https:\/\/a\.example$/g)
    expect([1, 2, 3].map(() => allows('https://a.example', req))).toEqual([true, true, true])
  })

  it.each<Origins>([
    ['*'],
    'null',
    'example.com',
    'https://example.com/',
    'https://example.com/path',
    'https://Example.com',
    'https://example.com:443',
    'https://*.example.com',
    'https://user@example.com',
    '',
    /example\.com/,
    /^https:\/\/example\.com/,
    /https:\/\/example\.com$/,
    /^https:\/\/example\.com\$/,
    /^https:\/\/a\.example|https:\/\/b\.example$/,
  ])('refuses %s at once', (origins) => {
    expect(() => originCheck(origins)).toThrow(/^origins: /)
  })
})
