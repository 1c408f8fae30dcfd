import { describe, expect, it } from 'vitest'
import { explore, verify } from './explorer.js'
import { type Cast, type Flaw, lockedChannel } from './locked-channel.js'

const fickle: Cast = { capacity: 1, senders: [1, 1], receivers: [1, 1, 1], fickle: [0] }
const closing: Cast = { capacity: 1, senders: [2, 1], receivers: [9, 9], closes: true }
const mortal: Cast = { capacity: 1, senders: [1, 1], receivers: [1, 1], mortal: true }

const good: [string, Cast][] = [
  ['2 senders, 2 receivers, capacity 1', { capacity: 1, senders: [2, 2], receivers: [2, 2] }],
  ['2 senders, 2 receivers, capacity 2', { capacity: 2, senders: [2, 2], receivers: [2, 2] }],
  ['2 senders, 2 receivers, capacity 3', { capacity: 3, senders: [3, 2], receivers: [3, 2] }],
  ['a receiver of three gives up', fickle],
  ['close with 2 senders and 2 receivers', closing],
  ['a sender dies', mortal],
  ['a sender dies, and another closes', { ...closing, mortal: true }],
]

const bad: [Flaw, Cast, RegExp][] = [
  ['canceled keeps the ring', fickle, /^a receiver sleeps though there is a value/],
  ['close rings nobody', closing, /^a receiver sleeps though the channel is closed|^a sender sleeps/],
  ['death rings nobody', mortal, /^a receiver sleeps though there is a value/],
]

describe('the buffered channel under a lock', () => {
  it.each(good)(
    'delivers each value once, in order, and nobody oversleeps: %s',
    { timeout: 60_000 },
    (_, cast) => {
      expect(verify(lockedChannel(cast)).ends).toBeGreaterThan(0)
    },
  )

  it.each(bad)('would fail with: %s', { timeout: 60_000 }, (flaw, cast, fault) => {
    expect(explore(lockedChannel({ ...cast, flaw })).fault).toMatch(fault)
  })
})
