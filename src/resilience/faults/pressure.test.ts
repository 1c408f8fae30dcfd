import { describe, expect, it } from 'vitest'
import { chan } from '../../runtime/chan.js'
import { hostNow } from '../../runtime/clock.js'
import { go } from '../../runtime/go.js'
import { scheduler } from '../../runtime/scheduler.js'
import { sleep, yieldNow } from '../../runtime/sleep.js'
import { run } from '../../main.js'
import { bubble } from '../../testing/bubble.js'
import { burnTime, HeldMemory } from './pressure.js'

describe('burnTime', () => {
  it.each([0.01, 0.1, 0.5, 0.9, 1])('spends a share of %d of the time that passes', (load) =>
    bubble(function* () {
      const off = chan<never>()
      let burntMs = 0
      let atOnceMs = 0
      go(burnTime, load, off, (ms) => {
        burntMs += ms
        atOnceMs = Math.max(atOnceMs, ms)
      })
      yield* sleep(10_000)
      off.close()
      expect(burntMs).toBeGreaterThan(10_000 * load - 6)
      expect(burntMs).toBeLessThanOrEqual(10_000 * load)
      expect(atOnceMs).toBe(5)
    }),
  )

  it('spends no more than its share of the host’s time, and lets others go on between', () =>
    run(function* () {
      const off = chan<never>()
      const beginMs = hostNow()
      let burntMs = 0
      const burning = go(burnTime, 0.5, off, (ms) => {
        const fromMs = hostNow()
        while (hostNow() < fromMs + ms);
        burntMs += ms
      })
      let turns = 0
      while (hostNow() < beginMs + 300) {
        yield* sleep(1)
        turns++
      }
      off.close()
      yield* burning
      const elapsedMs = hostNow() - beginMs
      expect(burntMs).toBeLessThanOrEqual(elapsedMs * 0.5)
      // A machine that is busy itself gives them less, and virtual time has said how much it is else.
      expect(burntMs).toBeGreaterThan(0)
      expect(turns).toBeGreaterThan(2)
    }))

  it('keeps the thread busy for as long as it says', () =>
    bubble(function* () {
      const off = chan<never>()
      const beginMs = hostNow()
      go(burnTime, 0.5, off)
      yield* sleep(40) // of virtual time: three slices are owed after 10, 20 and 30 ms, and a fourth now
      off.close()
      expect(hostNow() - beginMs).toBeGreaterThanOrEqual(15)
    }))

  it('does not make up for all of a time in which others kept the thread busy', () =>
    run(function* () {
      const off = chan<never>()
      let burntMs = 0
      const burning = go(burnTime, 0.5, off, (ms) => {
        burntMs += ms
      })
      yield* yieldNow()
      const beganMs = hostNow()
      while (hostNow() < beganMs + 400);
      const freeMs = hostNow()
      yield* sleep(20)
      off.close()
      yield* burning
      expect(burntMs).toBeGreaterThanOrEqual(45)
      expect(burntMs).toBeLessThanOrEqual(50 + (hostNow() - freeMs) * 0.5)
    }))

  it('ends when it is switched off, and leaves no timer', () =>
    bubble(function* () {
      const off = chan<never>()
      const burning = go(burnTime, 0.001, off, () => {})
      yield* sleep(10)
      off.close()
      yield* burning
      expect(scheduler().clock.now()).toBe(10)
      expect(scheduler().timers.size).toBe(0)
    }))
})

const arrayMiB = () => process.memoryUsage().arrayBuffers / 2 ** 20
const residentMiB = () => process.memoryUsage.rss() / 2 ** 20

/** What the collector leaves. What it has found it frees beside, and counts the next time. */
function collected(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  return arrayMiB()
}

describe('HeldMemory', () => {
  it('takes so much, which is really there, and lets it go', () =>
    bubble(function* () {
      const memory = new HeldMemory()
      const before = collected()
      const beforeResident = residentMiB()
      yield* memory.take(130, chan())
      expect(memory.heldMiB).toBe(130)
      expect(collected() - before).toBeGreaterThan(129)
      expect(residentMiB() - beforeResident).toBeGreaterThan(100) // the host may have had some of it already
      memory.letGo()
      expect(memory.heldMiB).toBe(0)
      yield* yieldNow()
      expect(collected() - before).toBeLessThan(5)
    }))

  it('takes it piece by piece, and no more once it is switched off', () =>
    bubble(function* () {
      const memory = new HeldMemory()
      const off = chan<never>()
      const taking = go(() => memory.take(4096, off))
      yield* yieldNow()
      yield* yieldNow()
      const { heldMiB } = memory
      expect(heldMiB).toBeGreaterThan(0)
      expect(heldMiB).toBeLessThan(20)
      off.close()
      memory.letGo()
      yield* taking
      expect(memory.heldMiB).toBe(0)
    }))
})
