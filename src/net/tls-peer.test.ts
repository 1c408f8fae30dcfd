import { describe, expect, it } from 'vitest'
import { splitNames } from './tls-peer.js'

describe('the names of a certificate', () => {
  it.each([
    ['', []],
    ['DNS:a.example', ['DNS:a.example']],
    [
      'DNS:a.example, IP Address:10.0.0.1, URI:spiffe://x/y',
      ['DNS:a.example', 'IP Address:10.0.0.1', 'URI:spiffe://x/y'],
    ],
    ['IP Address:2001:DB8:0:0:0:0:0:1', ['IP Address:2001:DB8:0:0:0:0:0:1']],
    ['URI:"http://a.example/, DNS:b.example"', ['URI:http://a.example/, DNS:b.example']],
    ['DNS:"a\\"b", DNS:c', ['DNS:a"b', 'DNS:c']],
  ])('are read from %j', (text, names) => {
    expect(splitNames(text)).toEqual(names)
  })

  it.each(['DNS:a"b, DNS:c', 'DNS:a, , DNS:b', 'DNS:"a', 'a.example', 'DNS:a,DNS:b'])(
    'are none where the text cannot be read: %j',
    (text) => {
      expect(splitNames(text)).toEqual([])
    },
  )
})
