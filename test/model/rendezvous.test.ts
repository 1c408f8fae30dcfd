import { describe, expect, it } from 'vitest'
import { explore, verify } from './explorer.js'
import { type Cast, type Flaw, rendezvous } from './rendezvous.js'

const plain: Cast = {
  channels: 1,
  senders: [[{ value: 1, channels: [0] }], [{ value: 2, channels: [0] }]],
  receivers: [{ channel: 0, count: 2 }],
}
const select: Cast = {
  channels: 2,
  senders: [[{ value: 1, channels: [0, 1], local: true }]],
  receivers: [
    { channel: 0, count: 1 },
    { channel: 1, count: 1 },
  ],
}
const canceled: Cast = {
  channels: 1,
  senders: [
    [
      { value: 1, channels: [0], cancels: true },
      { value: 2, channels: [0] },
    ],
  ],
  receivers: [{ channel: 0, count: 2 }],
}
/** The record of a send that was canceled serves a send on another channel; values from 4 on are for channel 1. */
const again: Cast = {
  channels: 2,
  senders: [
    [
      { value: 1, channels: [0], cancels: true },
      { value: 4, channels: [1] },
    ],
  ],
  receivers: [
    { channel: 0, count: 1 },
    { channel: 1, count: 1 },
  ],
}
const closed: Cast = {
  channels: 1,
  senders: [[{ value: 1, channels: [0] }], [{ value: 2, channels: [0] }]],
  receivers: [{ channel: 0, count: 9 }],
  closes: [0],
}

const good: [string, Cast][] = [
  ['2 senders and a receiver', plain],
  [
    '2 senders and 2 receivers',
    {
      ...plain,
      receivers: [
        { channel: 0, count: 1 },
        { channel: 0, count: 1 },
      ],
    },
  ],
  ['a select over 2 channels with a local case', select],
  [
    '2 selects over 2 channels',
    { ...select, senders: [...select.senders, [{ value: 2, channels: [1, 0], cancels: true }]] },
  ],
  ['a send that may be canceled, then another', canceled],
  ['a record that is used again for another channel', again],
  ['close races with 2 senders and a receiver', closed],
  ['close of one channel of a select', { ...select, closes: [1] }],
]

const bad: [Flaw, Cast, RegExp][] = [
  ['no second try', plain, /^a receiver sleeps though there is an offer/],
  ['plain check of the claim', select, /^1 was (local|received)/],
  ['claim outside the lock', again, /^4 was received from channel 0/],
  ['copy outside the lock', again, /^4 was received from channel 0|^1 was taken, received 0 times/],
  ['taker does not ring', plain, /^a sender sleeps though it was taken/],
  ['closed is looked at before the lock', closed, /^a sender sleeps though the channel is closed/],
  ['close rings no receivers', closed, /^a receiver sleeps though the channel is closed/],
  ['a lost offer ends the search', canceled, /^a receiver sleeps though there is an offer/],
]

describe('the unbuffered channel between threads', () => {
  it.each(good)(
    'delivers exactly once or not at all, and nobody oversleeps: %s',
    { timeout: 60_000 },
    (_, cast) => {
      expect(verify(rendezvous(cast)).ends).toBeGreaterThan(0)
    },
  )

  it.each(good)('needs no second try when it arms under the lock: %s', { timeout: 60_000 }, (_, cast) => {
    expect(verify(rendezvous({ ...cast, armsUnderLock: true })).ends).toBeGreaterThan(0)
  })

  it.each(bad)('would fail with: %s', { timeout: 60_000 }, (flaw, cast, fault) => {
    expect(explore(rendezvous({ ...cast, flaw })).fault).toMatch(fault)
  })
})
