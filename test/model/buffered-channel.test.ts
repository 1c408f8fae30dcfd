import { describe, expect, it } from 'vitest'
import { bufferedChannel, type Cast, type Flaw } from './buffered-channel.js'
import { explore, verify } from './explorer.js'

const [pair, ring]: Cast[] = [
  { capacity: 1, senders: [1, 1], receivers: [1, 1] },
  { capacity: 2, senders: [1, 1], receivers: [1, 1] },
] as const
const fickle: Cast = { capacity: 1, senders: [1], receivers: [1, 1], fickle: [0] }
const closing: Cast = { capacity: 1, senders: [1], receivers: [9, 9], closes: true }

const good: [string, Cast][] = [
  ['2 senders, 2 receivers, capacity 1', pair as Cast],
  ['2 senders, 2 receivers, capacity 2', ring as Cast],
  ['a sender of 3, a receiver, capacity 1', { capacity: 1, senders: [3], receivers: [3] }],
  ['a sender of 3, a receiver, capacity 2', { capacity: 2, senders: [3], receivers: [3] }],
  ['a receiver of two gives up', fickle],
  ['close with a sender and 2 receivers', closing],
  ['close with 2 senders and a receiver', { capacity: 2, senders: [1, 1], receivers: [9], closes: true }],
  ['close with a sender that finds no room', { capacity: 1, senders: [2], receivers: [1], closes: true }],
]

const bad: [Flaw, Cast, RegExp][] = [
  [
    'numbers of Vyukov',
    { capacity: 1, senders: [2], receivers: [2] },
    /^received 11 at 0, sent 12|^received/,
  ],
  ['publish before value', { capacity: 2, senders: [1], receivers: [1] }, /^received 0 at 0/],
  [
    'no second try',
    { capacity: 1, senders: [1], receivers: [1] },
    /^a receiver sleeps though there is a value/,
  ],
  ['no passing on', ring as Cast, /^a receiver sleeps though there is a value/],
  ['passing on only after sleep', ring as Cast, /^a receiver sleeps though there is a value/],
  ['canceled keeps the ring', fickle, /^a receiver sleeps though there is a value/],
  [
    'closed word apart',
    { capacity: 1, senders: [1], receivers: [9], closes: true },
    /^a receiver ended before a value|^a send succeeded/,
  ],
  [
    'end without look at tail',
    { capacity: 1, senders: [1], receivers: [9], closes: true },
    /^a receiver ended before a value/,
  ],
  ['end not passed on', closing, /^a receiver sleeps though the channel is closed/],
]

describe('the buffered channel between threads', () => {
  it.each(good)(
    'delivers each value once, in order, and nobody oversleeps: %s',
    { timeout: 60_000 },
    (_, cast) => {
      expect(verify(bufferedChannel(cast)).ends).toBeGreaterThan(0)
    },
  )

  it.each(bad)('would fail with: %s', { timeout: 60_000 }, (flaw, cast, fault) => {
    expect(explore(bufferedChannel({ ...cast, flaw })).fault).toMatch(fault)
  })
})
