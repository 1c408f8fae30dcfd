import { describe, expect, it } from 'vitest'
import { explore, step, thread, verify, when } from './explorer.js'

interface Counter {
  value: number
  locked: boolean
}

describe('the explorer', () => {
  it('finds the lost update of a load and a store, by the shortest way', () => {
    const { fault } = explore({ initial: counter(), threads: ['a', 'b'].map(racing), final: isTwo })
    expect(fault?.split('\n').filter((line) => !line.startsWith('   '))).toEqual([
      'counted 1',
      '  start',
      '  a: load',
      '  b: load',
      '  a: store',
      '  b: store',
    ])
  })

  it('passes the same under a lock', () => {
    const { states, ends } = verify({ initial: counter(), threads: ['a', 'b'].map(locking), final: isTwo })
    expect({ states, ends }).toEqual({ states: 16, ends: 1 })
  })

  it('finds a deadlock', () => {
    const stuck = thread<Counter, object>('a', {}, [
      when(
        'wait',
        (s) => s.value === 1,
        () => {},
      ),
    ])
    expect(explore({ initial: counter(), threads: [stuck] }).fault).toMatch(/^deadlock: a cannot go on/)
  })

  it('finds a livelock', () => {
    const spins = thread<Counter, object>('a', {}, [
      step('spin', (s) => (s.value === 1 ? 'end' : 'spin')),
      step('end', () => {}),
    ])
    expect(explore({ initial: counter(), threads: [spins] }).fault).toMatch(/^livelock/)
  })

  it('finds what the death of a thread leaves', () => {
    const mortal = { ...locking('a'), fate: { mayDie: () => true } }
    expect(explore({ initial: counter(), threads: [mortal, locking('b')] }).fault).toMatch(/^deadlock: b/)
  })
})

function counter(): Counter {
  return { value: 0, locked: false }
}

function racing(name: string) {
  return thread<Counter, { seen: number }>(name, { seen: 0 }, [
    step('load', (s, me) => {
      me.seen = s.value
    }),
    step('store', (s, me) => {
      s.value = me.seen + 1
    }),
  ])
}

function locking(name: string) {
  return thread<Counter, { seen: number }>(name, { seen: 0 }, [
    when(
      'lock',
      (s) => !s.locked,
      (s) => {
        s.locked = true
      },
    ),
    ...racing(name).steps,
    step('unlock', (s) => {
      s.locked = false
    }),
  ])
}

function isTwo({ value }: Counter) {
  return value === 2 ? undefined : `counted ${value}`
}
