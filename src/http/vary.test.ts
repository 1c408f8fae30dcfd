import { describe, expect, it } from 'vitest'
import { ResponseHeaders } from './response-headers.js'
import { vary } from './vary.js'

describe('vary', () => {
  it.each([
    [undefined, 'Origin'],
    ['Accept', 'Accept, Origin'],
    ['accept, ORIGIN', 'accept, ORIGIN'],
    ['*', '*'],
    ['X-Origin', 'X-Origin, Origin'],
  ])('makes %j %j', (before, after) => {
    const headers = new ResponseHeaders(before === undefined ? undefined : { Vary: before })
    vary(headers, 'Origin')
    expect(headers.getAll('vary')).toEqual([after])
  })
})
