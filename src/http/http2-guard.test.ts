import { describe, expect, it } from 'vitest'
import { FloodGuard } from './http2-guard.js'

describe('a guard against floods', () => {
  it('allows a burst, and then what the rate says', () => {
    const guard = new FloodGuard({ burst: 3, perSecond: 2 }, 1000)
    const at = (ms: number) => guard.allows(1000 + ms)
    expect([at(0), at(0), at(0), at(0)]).toEqual([true, true, true, false])
    const later = new FloodGuard({ burst: 3, perSecond: 2 }, 1000)
    const all = [0, 0, 0, 500, 1000, 1500, 1900].map((ms) => later.allows(1000 + ms))
    expect(all).toEqual([true, true, true, true, true, true, false])
  })

  it('saves up no more than a burst', () => {
    const guard = new FloodGuard({ burst: 2, perSecond: 1000 }, 0)
    expect([guard.allows(1e6), guard.allows(1e6), guard.allows(1e6)]).toEqual([true, true, false])
  })
})
