import { Operation } from '../../runtime/operation.js'
import type { Exchange } from './exchange.js'

/** Waits for an exchange to go on. */
export abstract class ExchangeWait extends Operation<void> {
  constructor(protected readonly exchange: Exchange) {
    super()
  }

  override park(): void {
    this.exchange.waitFor(this)
  }

  override unpark(): void {
    this.exchange.waitFor(undefined)
  }

  protected isHere(): true {
    this.exchange.waitFor(undefined)
    return this.complete()
  }
}

/** Waits for the head of the response. */
export class Head extends ExchangeWait {
  override get waitReason(): string {
    return 'response'
  }

  override attempt(): boolean {
    const { error, hasHead } = this.exchange
    if (hasHead) return this.isHere()
    return error !== undefined && this.fail(error)
  }
}

/** Waits until all of the body is here, or as much as is kept of it. */
export class Kept extends ExchangeWait {
  override get waitReason(): string {
    return 'response body'
  }

  override attempt(): boolean {
    return this.exchange.isKept && this.isHere()
  }
}
