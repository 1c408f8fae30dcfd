import { ArgumentError, Canceled } from '../runtime/errors.js'
import { background } from './background.js'
import { CancelNode } from './cancel.js'
import type { Context } from './context.js'
import { Ending } from './ending.js'

/**
 * A context that ends with an AbortSignal, whose reason is its cause. However many contexts and waits hang on one
 * signal, it has one listener, and none while nobody waits.
 */
export function fromSignal(signal: AbortSignal): Context {
  if (typeof signal?.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    throw new ArgumentError(`fromSignal() needs an AbortSignal, not ${String(signal)}`)
  }
  let context = known.get(signal)
  if (context === undefined) {
    context = new SignalContext(signal)
    known.set(signal, context)
  }
  return context
}

const known = new WeakMap<AbortSignal, SignalContext>()

class SignalContext extends CancelNode {
  private isListening = false

  constructor(private readonly foreign: AbortSignal) {
    super(background())
  }

  override get signal(): AbortSignal {
    return this.foreign
  }

  // Asked instead of told: while nobody waits there is no listener, and other listeners may run before this one.
  override howEnded(): Ending | undefined {
    if (super.howEnded() === undefined && this.foreign.aborted) this.onAbort()
    return super.howEnded()
  }

  override toString(): string {
    return `${this.parent}.FromSignal`
  }

  protected override observed(): void {
    if (this.isListening || this.foreign.aborted) return
    this.isListening = true
    this.foreign.addEventListener('abort', this.onAbort)
  }

  protected override unobserved(): void {
    if (!this.isListening) return
    this.isListening = false
    this.foreign.removeEventListener('abort', this.onAbort)
  }

  private readonly onAbort = (): void => {
    this.end(new Ending(Canceled, this.foreign.reason))
  }
}
