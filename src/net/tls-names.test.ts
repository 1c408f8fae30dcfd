import { describe, expect, it } from 'vitest'
import { ServerNames } from './tls-names.js'

function names(...all: string[]): ServerNames<string> {
  const names = new ServerNames<string>()
  for (const name of all) names.add(name, name)
  return names
}

describe('server names', () => {
  it.each([
    ['a.example', 'a.example'],
    ['A.EXAMPLE', 'a.example'],
    ['b.example', '*.example'],
    ['x.b.example', undefined],
    ['example', undefined],
    ['.example', undefined],
    ['*.example', undefined],
    ['', undefined],
    ['xn--bcher-kva.example', '*.example'],
    ['xn--bcher-kva.test', 'bücher.test'],
  ])('find for %j what belongs to %s', (asked, found) => {
    expect(names('a.example', '*.example', 'bücher.test').find(asked)).toBe(found)
  })

  it.each(['', '*', '*.', 'a..b', 'a.*', '*.*.a', 'a b', '-a', `${'a.'.repeat(127)}ab`, 'a/b'])(
    'refuse %j, which is none',
    (name) => {
      expect(() => names(name)).toThrow('is no name of a server')
    },
  )

  it('refuse one that is there, in whatever letters', () => {
    expect(() => names('*.Example.com', '*.example.COM')).toThrow("tls.sni['*.example.COM'] is there twice")
    expect(() => names('bücher.test', 'xn--bcher-kva.test')).toThrow('is there twice')
  })
})
