import type { Context } from '../context/context.js'
import { ArgumentError } from '../runtime/errors.js'
import type { GuardEvent, GuardStats } from './figures.js'
import type { Gate, Guard, Wrapper } from './guard.js'
import { type CallOptions, type Guarded, type Layer, Run, type Running } from './run.js'

const noOptions = {}

/**
 * Composes guards: a call passes them in this order, the first is the outermost. See the guide for which order and why.
 *
 * ```ts
 * const payments = policy(timeout({ ms: 2000 }), retry({ attempts: 3 }), breaker({ name: 'payments' }))
 * const receipt = yield* payments.run(ctx, (ctx) => charge(ctx, order))
 * ```
 * @throws ArgumentError if something is no guard.
 */
export function policy(...guards: readonly Guard[]): Policy {
  return new Policy(guards)
}

/** Guards in their order. One object for all calls; a call that nothing holds up costs one object. */
export class Policy {
  private readonly layer: Layer

  /** @internal */
  constructor(readonly guards: readonly Guard[]) {
    for (const [i, guard] of guards.entries()) {
      if (isGate(guard) || isWrapper(guard)) continue
      throw new ArgumentError(`policy() composes guards, and number ${i + 1} is none: ${String(guard)}`)
    }
    this.layer = layerOf(guards)
  }

  /**
   * Runs `fn` under the guards, when it is waited for. Throws what `fn` throws, what `ctx` ended with, or `Refused`: then
   * the call was not made.
   */
  run<T>(ctx: Context, fn: Guarded<T>, options: CallOptions<T> = noOptions): Running<T> {
    return new Run(this.layer, ctx, fn, options)
  }

  /** Figures of each guard, in their order. */
  stats(): GuardStats[] {
    return this.guards.map((guard) => guard.stats())
  }

  /** Tells `listener` of what the guards do, until it is disposed of. */
  watch(listener: (event: GuardEvent) => void): Disposable {
    const watched = this.guards.map(({ figures }) => figures.watch(listener))
    return {
      [Symbol.dispose]() {
        for (const each of watched) each[Symbol.dispose]()
      },
    }
  }
}

function layerOf(guards: readonly Guard[]): Layer {
  const at = guards.findIndex(isWrapper)
  if (at < 0) return { gates: guards as readonly Gate[], wrapper: undefined, inner: undefined }
  return {
    gates: guards.slice(0, at) as readonly Gate[],
    wrapper: guards[at] as Wrapper,
    inner: layerOf(guards.slice(at + 1)),
  }
}

function isGate(guard: unknown): guard is Gate {
  return typeof (guard as Partial<Gate> | undefined)?.enter === 'function'
}

function isWrapper(guard: unknown): guard is Wrapper {
  return typeof (guard as Partial<Wrapper> | undefined)?.wrap === 'function'
}
