import { describe, expect, it } from 'vitest'
import { doorbell, type Flaw, type SpinFlaw, spinning } from './doorbell.js'
import { explore, verify } from './explorer.js'

describe('the doorbell', () => {
  it.each([1, 2, 3])('loses no wake-up, and notifies once a park at most: %i wakers', (wakers) => {
    expect(verify(doorbell(wakers)).ends).toBeGreaterThan(0)
  })

  it('may notify late, so that a sleeper is woken though it is still parked', () => {
    const model = doorbell(2)
    const woken = ({ wokenWhileParked }: { wokenWhileParked: boolean }) =>
      wokenWhileParked ? 'late' : undefined
    expect(explore({ ...model, invariant: woken }).fault).toMatch(/^late/)
  })

  const bad: [Flaw, RegExp][] = [
    ['no second look', /^sleeps though there is work/],
    ['wait does not compare', /^sleeps though there is work/],
    ['wakers store', /^2 notifies for 1 parks/],
    ['look before publishing', /^sleeps though there is work/],
  ]
  it.each(bad)('would fail with: %s', (flaw, fault) => {
    expect(explore(doorbell(2, flaw)).fault).toMatch(fault)
  })
})

describe('waking one of several workers', () => {
  const good: [string, number[], number[]][] = [
    ['2 workers, a submitter of 2', [9, 9], [2]],
    ['2 workers that run one for ever, a submitter of 2', [1, 1], [2]],
    ['2 workers, 2 submitters, which would break the order of Go without its lock', [1, 2], [2, 1]],
  ]
  it.each(good)('leaves no work while a worker sleeps: %s', { timeout: 60_000 }, (_, tasks, submits) => {
    expect(verify(spinning(tasks, submits)).ends).toBeGreaterThan(0)
  })

  const bad: [SpinFlaw, number[], number[]][] = [
    ['no second look', [9, 9], [2]],
    ['look before giving up', [9, 9], [2]],
    ['last spinner wakes nobody', [1, 1], [2]],
    ['counted before it is taken', [9, 9], [1, 1]],
  ]
  it.each(bad)('would fail with: %s', { timeout: 60_000 }, (flaw, tasks, submits) => {
    expect(explore(spinning(tasks, submits, flaw)).fault).toMatch(/^a worker sleeps though there is work/)
  })
})
