import { Operation } from '../runtime/operation.js'
import { thisProcessor } from './current.js'
import type { Call } from './calls.js'
import { NotCarriedError } from './not-carried.js'
import type { Processor } from './processor.js'

/** One call of a task. It is the operation that its caller waits in, and the caller's side of the call. */
export class TaskCall<T> extends Operation<T> implements Call {
  task: number
  number: number
  private on: Processor | undefined

  constructor(
    private readonly key: string,
    readonly args: unknown[],
    readonly pin: number,
    readonly flags: number,
  ) {
    super()
    this.task = 0
    this.number = 0
    this.on = undefined
  }

  override get waitReason(): string {
    return 'task'
  }

  // It is never ready at once; and only what parks is abandoned again, so nothing is sent before.
  override attempt(): boolean {
    return false
  }

  override park(): void {
    const on = thisProcessor()
    this.on = on
    this.task = on.names.numberOf(this.key)
    on.start(this)
  }

  override unpark(): void {
    this.on?.abandon(this)
  }

  // What was thrown on the other thread has the stack that it had there; here it goes on where the task was called.
  override next(signal?: unknown): this {
    try {
      return super.next(signal)
    } catch (error) {
      if (this.failed && error === this.value) this.joinStacks(error)
      throw error
    }
  }

  settle(failed: boolean, value: unknown): void {
    if (failed) this.fail(value)
    else this.complete(value as T)
  }

  private joinStacks(error: unknown): void {
    if (!(error instanceof Error) || error instanceof NotCarriedError || error.stack === undefined) return
    const here: { stack?: string } = {}
    Error.captureStackTrace(here, this.next)
    const [, ...frames] = (here.stack ?? '').split('\n')
    error.stack = [error.stack, `    at task ${this.key.split('\0')[1]} (called from)`, ...frames].join('\n')
  }
}
