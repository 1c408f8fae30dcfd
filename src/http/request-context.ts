import { CancelNode } from '../context/cancel.js'
import type { Context } from '../context/context.js'
import { DeadlineExceeded } from '../context/deadline.js'
import { Ending } from '../context/ending.js'
import { Canceled } from '../runtime/errors.js'

/** The context of a request. The server ends it, with the request's time limit as well: it has no timer of its own. */
export class RequestContext extends CancelNode {
  constructor(
    parent: Context,
    private readonly limit: Date | undefined,
  ) {
    super(parent)
    this.follow(parent)
  }

  override get deadline(): Date | undefined {
    const above = this.parent.deadline
    return above !== undefined && (this.limit === undefined || above < this.limit) ? above : this.limit
  }

  finish(reason: Error): void {
    if (reason instanceof DeadlineExceeded) this.end(new Ending(DeadlineExceeded, undefined, reason))
    else this.end(new Ending(Canceled, reason))
  }

  override toString(): string {
    return `${this.parent}.WithRequest`
  }
}
