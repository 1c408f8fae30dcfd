import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArgumentError, go, run } from 'sluice'
import { procs, sharedChan, stopProcs } from 'sluice/parallel'
import { addTo, give, make } from '../../test/parallel/sync-tasks.js'
import { AtomicInt } from './atomic-int.js'

describe('AtomicInt', () => {
  beforeAll(() => void procs(4))
  afterAll(() => stopProcs())

  it('gives what was there before, whatever changes it', () => {
    const value = new AtomicInt(5)
    expect(value.add(3)).toBe(5)
    expect(value.sub(1)).toBe(8)
    expect(value.exchange(12)).toBe(7)
    expect(value.and(6)).toBe(12)
    expect(value.or(3)).toBe(4)
    expect(value.xor(5)).toBe(7)
    expect(value.load()).toBe(2)
    value.store(-1)
    expect(value.load()).toBe(-1)
    expect(new AtomicInt().load()).toBe(0)
  })

  it('becomes another number only if it is the expected one', () => {
    const value = new AtomicInt(1)
    expect(value.compareExchange(1, 2)).toBe(1)
    expect(value.compareExchange(1, 3)).toBe(2)
    expect(value.load()).toBe(2)
  })

  it('wraps around at 32 bits', () => {
    const value = new AtomicInt(2 ** 31 - 1)
    value.add(1)
    expect(value.load()).toBe(-(2 ** 31))
    value.store(0xffffffff)
    expect(value.load()).toBe(-1)
  })

  it.each([0.5, Number.NaN, 2 ** 32, -(2 ** 31) - 1, '1'])('refuses %s', (value) => {
    expect(() => new AtomicInt(value as number)).toThrow(ArgumentError)
    expect(() => new AtomicInt().add(value as number)).toThrow(ArgumentError)
  })

  it('loses none of what several threads add', () =>
    run(function* () {
      const value = new AtomicInt()
      const calls = [1, 2, 3, 0].map((p) => go(() => addTo.on(p)(value, 10_000)))
      for (const call of calls) yield* call
      expect(value.load()).toBe(40_000)
    }))

  it('is the same one as a result, in an object, and out of a shared channel', () =>
    run(function* () {
      const value = new AtomicInt(1)
      expect(yield* give(value)).toBe(value)
      const { inside } = (yield* give({ inside: value })) as { inside: AtomicInt }
      expect(inside).toBe(value)
      const values = sharedChan<AtomicInt>(1)
      yield* values.send(value)
      expect(yield* values.recv()).toBe(value)
      expect(((yield* make.on(1)('int')) as AtomicInt).load()).toBe(42)
    }))
})
