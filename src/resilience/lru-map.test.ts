import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LruMap } from './lru-map.js'

const step = fc.tuple(fc.constantFrom('get', 'set', 'delete', 'resize'), fc.nat(8))

describe('LruMap', () => {
  it('does what a list in the order of use does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 100 }), (atFirst, steps) => {
        const map = new LruMap<number, string>(atFirst)
        let maxKeys = atFirst
        let list: number[] = []
        for (const [what, key] of steps) {
          if (what === 'resize') {
            maxKeys = key + 1
            expect(map.resize(maxKeys)).toBe(Math.max(0, list.length - maxKeys))
            list = list.slice(-maxKeys)
            continue
          }
          const has = list.includes(key)
          if (what !== 'get' || has) list = list.filter((each) => each !== key)
          if (what === 'get') expect(map.get(key)).toBe(has ? `${key}` : undefined)
          else if (what === 'delete') expect(map.delete(key)).toBe(has)
          else expect(map.set(key, `${key}`)).toBe(list.length === maxKeys)
          if (what === 'set' || (what === 'get' && has)) list = [...list, key].slice(-maxKeys)
          expect(map.size).toBe(list.length)
        }
      }),
      { numRuns: 300 },
    )
  })
})
