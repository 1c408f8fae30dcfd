import { describe, expect, it } from 'vitest'
import { itRefuses } from '../../test/resilience/refuses.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { contextKey } from '../context/context.js'
import { withValue } from '../context/value.js'
import { go } from '../runtime/go.js'
import { scheduler } from '../runtime/scheduler.js'
import { now, sleep } from '../runtime/sleep.js'
import { bubble, waitIdle } from '../testing/bubble.js'
import { mirror, type MirrorOptions } from './mirror.js'
import { policy } from './policy.js'

const ctx = background()
const traceKey = contextKey<string>('trace')

describe('mirror', () => {
  it('sends the share of the calls that is drawn to the second target as well, and ignores its answers', () =>
    bubble(function* () {
      const drawn = [0, 0.24, 0.25, 0.9]
      const seen: unknown[] = []
      const guard = mirror({
        share: 0.25,
        call: (ctx, { key, cost }) => {
          seen.push([key, cost, ctx.value(traceKey)])
          return 'ignored'
        },
        random: () => drawn.shift() ?? 1,
        name: 'orders v2',
      })
      const traced = withValue(ctx, traceKey, 'abc')
      for (let i = 0; i < 4; i++) {
        expect(yield* policy(guard).run(traced, () => i, { key: `${i}`, cost: 2 })).toBe(i)
      }
      yield* waitIdle()
      expect(seen).toEqual([
        ['0', 2, 'abc'],
        ['1', 2, 'abc'],
      ])
      expect(guard.stats()).toMatchObject({ kind: 'mirror', name: 'orders v2', admitted: 4, mirrored: 2 })
    }))

  it('mirrors all or nothing at the ends of the share', () =>
    bubble(function* () {
      for (const share of [0, 1]) {
        const guard = mirror({ share, call: () => 'ignored' })
        for (let i = 0; i < 20; i++) {
          yield* policy(guard).run(ctx, () => i)
          yield* waitIdle()
        }
        expect(guard.stats()['mirrored']).toBe(share * 20)
      }
    }))

  it.each<[string, MirrorOptions['call']]>([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'fails',
      function* () {
        yield* sleep(10)
        throw new Error('no')
      },
    ],
  ])('hides a second target that %s, and counts it', (_, call) =>
    bubble(function* () {
      const guard = mirror({ share: 1, call })
      expect(yield* policy(guard).run(ctx, () => 'own')).toBe('own')
      yield* sleep(20)
      expect(guard.stats()).toMatchObject({ failed: 1, inFlight: 0 })
    }),
  )

  it('does not delay the caller, and goes on when the caller ends', () =>
    bubble(function* () {
      const beginMs = now()
      const mine = withCancel(ctx)
      let hasEnded = false
      const guard = mirror({
        share: 1,
        call: function* (ctx) {
          yield* sleep(100).within(ctx)
          hasEnded = true
        },
      })
      const g = go(function* () {
        yield* policy(guard).run(mine, () => sleep(10))
        mine.cancel()
      })
      yield* g
      expect([now() - beginMs, hasEnded]).toEqual([10, false])
      yield* sleep(90)
      expect(hasEnded).toBe(true)
      expect(scheduler().timers.size).toBe(0)
    }))

  it.each(['listens to its context', 'does not'])('ends a call that is too slow, and %s', (what) =>
    bubble(function* () {
      const guard = mirror({
        share: 1,
        timeoutMs: 50,
        call:
          what === 'does not'
            ? function* () {
                yield* sleep(1000)
              }
            : () => sleep(1000),
      })
      yield* policy(guard).run(ctx, () => 'own')
      yield* sleep(51)
      expect(guard.stats()).toMatchObject({ inFlight: 0, failed: 1 })
    }),
  )

  it('has so many under way at once, and does not mirror the others', () =>
    bubble(function* () {
      const guard = mirror({ share: 1, maxInFlight: 2, call: () => sleep(100) })
      for (let i = 0; i < 5; i++) yield* policy(guard).run(ctx, () => i)
      expect(guard.stats()).toMatchObject({ inFlight: 2, mirrored: 2, dropped: 3 })
      yield* sleep(101)
      yield* policy(guard).run(ctx, () => 6)
      expect(guard.stats()).toMatchObject({ inFlight: 1, mirrored: 3, dropped: 3 })
      yield* sleep(101)
    }))

  it('takes other settings, and lets those go on that are under way', () =>
    bubble(function* () {
      const called: string[] = []
      const to = (name: string) => () => {
        called.push(name)
        return sleep(100)
      }
      const guard = mirror({ share: 1, call: to('v2'), name: 'orders' })
      const told: unknown[] = []
      guard.figures.watch(({ what, detail }) => told.push([what, detail]))
      for (let i = 0; i < 3; i++) yield* policy(guard).run(ctx, () => i)
      yield* waitIdle()
      const other = { share: 1, call: to('v3'), maxInFlight: 2, timeoutMs: 10, name: 'other' }
      guard.configure(other)
      yield* policy(guard).run(ctx, () => 4)
      expect(guard.stats()).toMatchObject({ name: 'orders', inFlight: 3, mirrored: 3, dropped: 1, failed: 0 })
      yield* sleep(101)
      yield* policy(guard).run(ctx, () => 5)
      yield* sleep(11)
      expect(guard.stats()).toMatchObject({ inFlight: 0, mirrored: 4, failed: 1 })
      guard.configure({ share: 0, call: to('v3') })
      yield* policy(guard).run(ctx, () => 6)
      yield* waitIdle()
      expect(called).toEqual(['v2', 'v2', 'v2', 'v3'])
      expect(told[0]).toEqual([
        'changed',
        expect.objectContaining({ share: 1, maxInFlight: 2, timeoutMs: 10 }),
      ])
    }))

  const call = () => undefined
  itRefuses(mirror, { share: 0.5, call }, [
    [{ share: 1.1, call }, 'the share of a mirror is a number from 0 to 1, not 1.1: 0.05 for 5 %'],
    [{ share: Number.NaN, call }, 'the share of a mirror is a number from 0 to 1, not NaN: 0.05 for 5 %'],
    [{ share: 1 }, 'the call of a mirror is a function that calls the second target, not undefined'],
    [{ share: 1, call, maxInFlight: 0 }, 'maxInFlight is a whole number of calls from 1, not 0'],
    [{ share: 1, call, timeoutMs: Infinity }, 'timeoutMs is a finite time above 0 ms, not Infinity'],
  ])
})
