import { Canceled } from '../runtime/errors.js'
import { background, CancelNode, type Context } from './context.js'

const known = new WeakMap<AbortSignal, SignalContext>()

/**
 * A context that ends with an AbortSignal, whose reason is its cause. However many contexts and waits hang on one
 * signal, it has one listener, and none while nobody waits.
 */
export function fromSignal(signal: AbortSignal): Context {
  let context = known.get(signal)
  if (context === undefined) {
    context = new SignalContext(signal)
    known.set(signal, context)
  }
  return context
}

class SignalContext extends CancelNode {
  private listening = false

  constructor(private readonly foreign: AbortSignal) {
    super(background())
  }

  override get err(): Error | undefined {
    if (this.ended === undefined && this.foreign.aborted) this.onAbort()
    return super.err
  }

  override get cause(): unknown {
    return this.err && super.cause
  }

  override get signal(): AbortSignal {
    return this.foreign
  }

  override toString(): string {
    return `${this.parent}.FromSignal`
  }

  protected override observed(): void {
    if (this.listening || this.foreign.aborted) return
    this.listening = true
    this.foreign.addEventListener('abort', this.onAbort)
  }

  protected override unobserved(): void {
    this.listening = false
    this.foreign.removeEventListener('abort', this.onAbort)
  }

  private readonly onAbort = (): void => {
    const { reason } = this.foreign
    this.end(new Canceled(reason), reason)
  }
}
