import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { go, MisuseError, run } from 'sluice'
import { lockOSThread, procs, stopProcs, unlockOSThread } from 'sluice/parallel'
import { locksTwice, spoils, thread } from '../../test/parallel/ctx-tasks.js'

beforeAll(() => {
  procs(2)
})
afterAll(() => stopProcs())

describe('lockOSThread', () => {
  it('RT18: locked twice, the thread is free after the second unlock only', () =>
    run(function* () {
      const before = yield* thread.on(1)()
      const locking = go(locksTwice.on(1))
      const after = go(thread.on(1))
      expect(yield* locking).toEqual(['one lock is left: 1 begun', 'none is left'])
      expect(yield* after).toBe(before)
    }))

  it('RT18: a thread whose goroutine ends while it is locked ends with it, and another one takes its place', () =>
    run(function* () {
      const spoilt = yield* spoils.on(1)()
      expect(yield* thread.on(1)()).not.toBe(spoilt)
    }))

  it('belongs into a goroutine', () => {
    expect(() => lockOSThread()).toThrow(MisuseError)
    expect(() => unlockOSThread()).toThrow(MisuseError)
  })

  it('takes tasks again on the main thread when the goroutine that locked it has unlocked', () =>
    run(function* () {
      lockOSThread()
      unlockOSThread()
      unlockOSThread() // one too many does nothing
      expect(yield* thread.on(0)()).toBeTypeOf('number')
    }))
})
