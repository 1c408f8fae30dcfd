import { Operation, type Waiter } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'

/** The operation of an async function, which starts when somebody waits for it, and not before. */
export function promised<T>(start: () => Promise<T>, waitReason: string): Operation<T> {
  return new Promised(start, waitReason)
}

class Promised<T> extends Operation<T> implements Waiter {
  private inner: Operation<Awaited<T>> | undefined

  constructor(
    private readonly start: () => Promise<T>,
    override readonly waitReason: string,
  ) {
    super()
    this.inner = undefined
  }

  override attempt(): boolean {
    return false // a promise takes its time
  }

  override park(): void {
    this.inner = wait(this.start()).claim()
    this.inner.parkFor(this)
  }

  override unpark(): void {
    this.inner?.abandon()
  }

  wake(inner: Operation<unknown>): void {
    if (inner.failed) this.fail(inner.value)
    else this.complete(inner.value as T) // what `start` has promised
  }
}
