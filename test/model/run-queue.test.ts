import { describe, expect, it } from 'vitest'
import { explore, verify } from './explorer.js'
import { type Cast, type Flaw, runQueue } from './run-queue.js'

const small: Cast = { ring: 2, tasks: 4, thieves: 1, plain: true }
const byRunnext: Cast = { ring: 2, tasks: 4, thieves: 1 }
const thiefDies: Cast = { ring: 4, tasks: 4, thieves: 1, plain: true, mortal: 'thief' }

const good: [string, Cast][] = [
  ['ring of 2, 4 tasks, a thief', small],
  ['ring of 2, 3 tasks, 2 thieves', { ring: 2, tasks: 3, thieves: 2, plain: true }],
  ['ring of 4, 6 tasks, a thief', { ring: 4, tasks: 6, thieves: 1, plain: true }],
  ['ring of 2, 4 tasks by way of runnext, a thief', byRunnext],
  ['a thief dies that stole several', thiefDies],
  ['a thief dies, another lives', { ring: 2, tasks: 2, thieves: 2, plain: true, mortal: 'thief' }],
  ['the owner dies', { ring: 2, tasks: 3, thieves: 1, mortal: 'owner' }],
]

const bad: [Flaw, Cast, RegExp][] = [
  ['tail before the entry', small, /^ring 0 was overwritten/],
  ['tail before head', small, /^a queue of -1/],
  ['head is stored, not exchanged', small, /^slot \d was taken twice|^ring 0/],
  ['entries are read after the CAS', small, /^slot \d was (taken twice|lost)/],
  ['runnext is stored, not exchanged', byRunnext, /^slot \d was taken twice/],
  ['runs without winning the slot', thiefDies, /^slot \d is done, ran 2 times/],
  ['nothing is recovered', thiefDies, /^slot \d was lost/],
]

describe('the local run queue', () => {
  it.each(good)('has every task run once: %s', { timeout: 60_000 }, (_, cast) => {
    expect(verify(runQueue(cast)).ends).toBeGreaterThan(0)
  })

  it.each(bad)('would fail with: %s', { timeout: 60_000 }, (flaw, cast, fault) => {
    expect(explore(runQueue({ ...cast, flaw })).fault).toMatch(fault)
  })
})
