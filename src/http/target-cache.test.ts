import { describe, expect, it } from 'vitest'
import { TargetCache } from './target-cache.js'

const find = (cache: TargetCache, text: string, hash: number) => {
  const bytes = Buffer.from(`GET ${text} HTTP/1.1`, 'latin1')
  return cache.find(bytes, 4, 4 + text.length, hash)
}

describe('a TargetCache', () => {
  it('gives the text of the bytes, also when another one has its place', () => {
    const cache = new TargetCache()
    for (const text of ['/a', '/b', '/a', '', '/ab', '/a']) expect(find(cache, text, 7)).toBe(text)
  })

  it.each([0, -1, 2 ** 31 - 1, -(2 ** 31)])('takes any hash: %s', (hash) => {
    const cache = new TargetCache()
    expect(find(cache, '/a', hash)).toBe('/a')
    expect(find(cache, '/a', hash)).toBe('/a')
  })

  it('gives long targets as they are', () => {
    const cache = new TargetCache()
    const long = `/${'x'.repeat(5000)}`
    expect(find(cache, long, 1)).toBe(long)
    expect(find(cache, `${long}y`, 1)).toBe(`${long}y`)
  })
})
