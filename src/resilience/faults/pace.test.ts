import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chan } from '../../runtime/chan.js'
import { go } from '../../runtime/go.js'
import type { Routine } from '../../runtime/operation.js'
import { scheduler } from '../../runtime/scheduler.js'
import { sleep } from '../../runtime/sleep.js'
import { bubble } from '../../testing/bubble.js'
import { Pace } from './pace.js'

interface Sent {
  readonly atMs: number
  readonly bytes: number
}

/** Sends chunks of so many bytes, each so long after the one before, at a pace. */
function* sendAll(
  bytesPerSecond: number,
  chunks: readonly (readonly [bytes: number, pauseMs: number])[],
): Routine<Sent[]> {
  const pace = new Pace(bytesPerSecond, chan())
  const { clock } = scheduler()
  const sent: Sent[] = []
  for (const [bytes, pauseMs] of chunks) {
    yield* sleep(pauseMs)
    for (const piece of pace.pieces(new Uint8Array(bytes))) {
      yield* pace.turnOf(piece.length)
      sent.push({ atMs: clock.now(), bytes: piece.length })
    }
  }
  return sent
}

describe('Pace', () => {
  it('lets so many bytes a second pass, each piece when its time is over', () =>
    bubble(function* () {
      expect(yield* sendAll(1000, [[120, 0]])).toEqual([
        { atMs: 50, bytes: 50 },
        { atMs: 100, bytes: 50 },
        { atMs: 120, bytes: 20 },
      ])
      expect(scheduler().timers.size).toBe(0)
    }))

  it.each([
    [1, 3, 3],
    [19, 38, 38],
    [1e12, 200_000, 4],
  ])('cuts what passes at %i bytes a second into pieces that flow', (rate, bytes, pieces) =>
    bubble(function* () {
      const sent = yield* sendAll(rate, [[bytes, 0]])
      expect(sent.length).toBe(pieces)
      expect(sent.at(-1)?.atMs).toBeCloseTo((bytes / rate) * 1000)
    }),
  )

  it('lets no more pass over any interval than its bytes a second and 50 ms of them', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 500 })), {
          minLength: 1,
          maxLength: 8,
        }),
        (rate, chunks) =>
          bubble(function* () {
            const sent = yield* sendAll(
              rate,
              chunks.map(([bytes, pauseMs]) => [Math.min(bytes, rate * 2), pauseMs]),
            )
            for (const [i, first] of sent.entries()) {
              let bytes = 0
              for (const { atMs, bytes: more } of sent.slice(i)) {
                bytes += more
                const most = (rate * (atMs - first.atMs + 50)) / 1000
                expect(bytes - first.bytes).toBeLessThanOrEqual(most + 1e-3)
              }
            }
          }),
      ),
      { numRuns: 60 },
    ))

  it('does not add the time that a send takes to that of the line, while it is shorter', () =>
    bubble(function* () {
      const pace = new Pace(1000, chan())
      for (let i = 0; i < 10; i++) {
        yield* pace.turnOf(50)
        yield* sleep(30)
      }
      expect(scheduler().clock.now()).toBe(530)
    }))

  it('is as fast as ever once the line is, also for a piece that waits', () =>
    bubble(function* () {
      const off = chan<never>()
      const pace = new Pace(1, off)
      const { clock } = scheduler()
      go(function* () {
        yield* sleep(300)
        off.close()
      })
      yield* pace.turnOf(1000)
      expect(clock.now()).toBe(300)
      yield* pace.turnOf(1000)
      expect(clock.now()).toBe(300)
      expect(scheduler().timers.size).toBe(0)
    }))
})
