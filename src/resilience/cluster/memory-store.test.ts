import { describe, expect, it } from 'vitest'
import { HandClock } from '../../../test/resilience/hand-clock.js'
import { limitStoreContract } from '../../../test/resilience/limit-store-contract.js'
import { memoryStore } from './memory-store.js'

limitStoreContract('memoryStore', () => {
  const clock = new HandClock()
  const pass = async (ms: number) => {
    clock.ms += ms
  }
  return { store: memoryStore({ clock }), pass }
})

describe('memoryStore', () => {
  it('forgets keys that are full again', () => {
    const clock = new HandClock()
    const store = memoryStore({ clock })
    const take = (key: string) => store.take({ key, rate: 10, burst: 5, spent: 0, want: 1, least: 1 })
    for (let i = 0; i < 20_000; i++) {
      clock.ms += 1
      take(`client ${i}`)
    }
    expect(store.size).toBeLessThan(2500)
  })
})
