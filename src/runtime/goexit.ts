import { Operation } from './operation.js'
import { MisuseError } from './errors.js'
import { EXITING, thread } from './scheduler.js'

/**
 * Ends the goroutine that calls it: `yield* goexit()`. Its `finally` blocks and `using` run, no `catch` does, and who
 * joins it gets `undefined`. Source: Go's `runtime.Goexit`.
 */
export function goexit(): Operation<never> {
  return new Goexit()
}

class Goexit extends Operation<never> {
  override get waitReason(): string {
    return 'goexit'
  }

  override attempt(): boolean {
    return false
  }

  override park(): void {
    const g = thread.current
    if (g === undefined || this.waiter !== g) {
      this.fail(new MisuseError('goexit() ends the goroutine that calls it: write `yield* goexit()` in one'))
      return
    }
    this.waiter = undefined
    g.flags |= EXITING
    g.scheduler.requeue(g)
  }

  override unpark(): void {}
}
