import { describe, expect, it } from 'vitest'
import { explore, verify } from './explorer.js'
import { type Flaw, mixedSelects } from './mixed-select.js'

const bad: [Flaw, number, RegExp][] = [
  ['own claim is final at once', 2, /./],
  ['busy is taken for lost', 2, /./],
  ['nobody steps back', 2, /^livelock/],
  ['own claim after the other', 2, /received and sent/],
]

describe('selects that send and receive, on several threads', () => {
  it.each([2, 3])('commit exactly one case each, and meet: %i in a ring', (count) => {
    expect(verify(mixedSelects(count)).ends).toBeGreaterThan(0)
  })

  it.each(bad)('would fail with: %s', (flaw, count, fault) => {
    expect(explore(mixedSelects(count, flaw)).fault).toMatch(fault)
  })
})
