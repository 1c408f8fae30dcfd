import { Operation } from '../runtime/operation.js'
import { thisProcessor } from './current.js'
import type { Call } from './calls.js'
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

  settle(failed: boolean, value: unknown): void {
    if (failed) this.fail(value)
    else this.complete(value as T)
  }
}
