import { describe, expect, it } from 'vitest'
import {
  claim,
  done,
  finish,
  free,
  kindOf,
  machineOf,
  queued,
  running,
  SlotArena,
  unqueue,
} from './call-slot.js'
import { createMemory, ownerOf, slot, slotAt, slotNumber, slotsPerProc } from './layout.js'

function queuedSlot() {
  const memory = createMemory()
  const arena = new SlotArena(memory, 3)
  const number = arena.take()
  Atomics.store(memory.words, slotAt(number) + slot.state, queued)
  const state = () => memory.words[slotAt(number) + slot.state] as number
  return { memory, arena, number, state }
}

describe('a call slot', () => {
  it('is claimed once', () => {
    const { memory, number, state } = queuedSlot()
    expect([claim(memory, number, 7), claim(memory, number, 8)]).toEqual([true, false])
    expect([kindOf(state()), machineOf(state())]).toEqual([running, 7])
    expect(unqueue(memory, number)).toBe(false)
    finish(memory, number, 7)
    expect([kindOf(state()), machineOf(state())]).toEqual([done, 7])
    expect(claim(memory, number, 8)).toBe(false)
  })

  it('is not claimed after its caller took it back', () => {
    const { memory, number, state } = queuedSlot()
    expect([unqueue(memory, number), unqueue(memory, number), claim(memory, number, 7)]).toEqual([
      true,
      false,
      false,
    ])
    expect(state()).toBe(free)
  })

  it('names machines of up to 28 bits', () => {
    const { memory, number, state } = queuedSlot()
    claim(memory, number, 2 ** 28)
    expect(machineOf(state())).toBe(2 ** 28)
  })

  it('is known to belong to its processor', () => {
    for (const p of [0, 1, 63]) {
      for (const index of [0, slotsPerProc - 1]) expect(ownerOf(slotNumber(p, index))).toBe(p)
    }
    expect(slotNumber(0, 0)).toBe(1)
  })
})

describe('the slots of a processor', () => {
  it('are each taken once, and come back', () => {
    const arena = new SlotArena(createMemory(), 2)
    const all = Array.from({ length: slotsPerProc }, () => arena.take())
    expect(new Set(all).size).toBe(slotsPerProc)
    expect(all.every((number) => arena.owns(number))).toBe(true)
    expect([arena.take(), arena.outstanding]).toEqual([0, slotsPerProc])
    for (const number of all) arena.give(number)
    expect([arena.outstanding, all.includes(arena.take())]).toEqual([0, true])
  })

  it('stay out for the next thread of the processor while a call of the last one is under way', () => {
    const { memory, arena, number } = queuedSlot()
    const given = arena.take()
    arena.give(given)
    const next = new SlotArena(memory, 3)
    expect(next.outstanding).toBe(1)
    expect([...next.entries()].filter(({ state }) => state === queued)).toEqual([{ number, state: queued }])
  })
})
