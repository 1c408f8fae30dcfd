import { Operation } from './operation.js'
import { type Scheduler, scheduler } from './scheduler.js'

/**
 * Waits for a promise: its value, or its rejection thrown. What is not a promise is its own value. Giving up the wait
 * (`cancel`, `within`, a select that chose another case) does not stop what the promise stands for.
 *
 * ```ts
 * const response = yield* wait(fetch(url, { signal: ctx.signal }))
 * ```
 */
export function wait<T>(promise: PromiseLike<T> | T): Operation<Awaited<T>> {
  return new Wait<Awaited<T>>(promise as PromiseLike<Awaited<T>>)
}

class Wait<T> extends Operation<T> {
  private on: Scheduler | undefined = undefined

  constructor(private readonly promise: PromiseLike<T> | T) {
    super()
  }

  override get waitReason(): string {
    return 'promise'
  }

  override attempt(): boolean {
    const { promise } = this
    if (typeof promise === 'object' && promise !== null && 'then' in promise) return false
    return this.complete(promise)
  }

  override park(): void {
    this.on = scheduler()
    this.on.externals++
    // A promise of another library may call back at once, twice or never properly: the host's own one puts that right.
    Promise.resolve(this.promise as PromiseLike<T>).then(
      (value) => this.leave() && this.complete(value),
      (error) => this.leave() && this.fail(error),
    )
  }

  override unpark(): void {
    this.leave()
  }

  /** Ends the bookkeeping of the wait; false when it has ended before. */
  private leave(): boolean {
    const { on } = this
    if (on === undefined) return false
    on.externals--
    this.on = undefined
    return true
  }
}
