import type { Running } from '../../src/resilience/run.js'
import { go } from '../../src/runtime/go.js'
import type { Goroutine } from '../../src/runtime/goroutine.js'
import type { Operation } from '../../src/runtime/operation.js'
import { scheduler } from '../../src/runtime/scheduler.js'

/** A goroutine that waits; its value is when it had its turn, or what it failed with. */
export function start(wait: Operation<unknown> | Running<unknown>): Goroutine<unknown> {
  return go(function* () {
    try {
      yield* wait
    } catch (error) {
      return error
    }
    return scheduler().clock.now()
  })
}
