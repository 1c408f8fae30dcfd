import type { Context } from '../context/context.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import type { GuardListener, GuardStats } from './figures.js'
import type { Attempt, Gate, Guard, Wrapper } from './guard.js'
import { type CallOptions, type Guarded, type Layer, Run, type Running } from './run.js'

const noOptions = {}

/**
 * Composes guards: a call passes them in this order, the first is the outermost. See the guide for which order and why.
 * A policy may stand among them: a call passes its guards there.
 *
 * ```ts
 * const payments = policy(timeout({ ms: 2000 }), retry({ attempts: 3 }), breaker({ name: 'payments' }))
 * const receipt = yield* payments.run(ctx, (ctx) => charge(ctx, order))
 * ```
 * @throws ArgumentError if something is no guard.
 */
export function policy(...guards: readonly (Guard | Policy)[]): Policy {
  return new Policy(guards, true)
}

/** @internal A policy without guards yet, which are given to it, and exchanged, while it runs. */
export function changeablePolicy(): Policy {
  return new Policy([], false)
}

/**
 * Guards in their order. One object for all calls; a call that nothing holds up costs one object.
 *
 * A call keeps the layer that it began with, so its guards can be exchanged at any time: a new layer takes the place of the
 * old one. That is why a policy of which the guards may change is not dissolved into the one around it.
 */
export class Policy {
  private parts: readonly (Guard | Policy)[]
  private layer: Layer
  private readonly watches: Set<Watch>

  /** @internal */
  constructor(
    guards: readonly (Guard | Policy)[],
    private readonly isFixed: boolean,
  ) {
    checkGuards(guards)
    this.parts = guards.flatMap((guard) => (guard instanceof Policy && guard.isFixed ? guard.parts : guard))
    this.layer = layerOf(this.parts)
    this.watches = new Set()
  }

  /** Those that a call would pass now. */
  get guards(): readonly Guard[] {
    return this.parts.flatMap((part) => (part instanceof Policy ? part.guards : part))
  }

  /**
   * Runs `fn` under the guards, when it is waited for. Throws what `fn` throws, what `ctx` ended with, or `Refused`: then
   * the call was not made.
   */
  run<T>(ctx: Context, fn: Guarded<T>, options: CallOptions<T> = noOptions): Running<T> {
    return new Run(this.layer, ctx, fn, options)
  }

  /**
   * @internal As `run`, and has the call pass the guards up to the first wrapper now, as far as it need not wait: they count
   * it while it waits for its turn. Whoever calls this has to have it run.
   */
  arrive<T>(ctx: Context, fn: Guarded<T>, options: CallOptions<T>): Running<T> {
    return new Run(this.layer, ctx, fn, options).arrive()
  }

  /** Figures of each guard, in their order. */
  stats(): GuardStats[] {
    return this.guards.map((guard) => guard.stats())
  }

  /** Tells `listener` of what the guards do, also those that come later, until it is disposed of. */
  watch(listener: GuardListener): Disposable {
    const watch = new Watch(listener)
    watch.follow(this.parts)
    this.watches.add(watch)
    return {
      [Symbol.dispose]: () => {
        this.watches.delete(watch)
        watch.follow([])
      },
    }
  }

  /** @internal Has calls that come from now on pass these guards. */
  replace(guards: readonly Guard[]): void {
    this.layer = layerOf(guards)
    this.parts = guards
    for (const watch of this.watches) watch.follow(guards)
  }

  /** @internal What a policy around this one does with a call. */
  *wrap<T>(attempt: Attempt<T>): Routine<T> {
    function* goOn(ctx: Context): Routine<T> {
      return yield* attempt.run(ctx)
    }
    // An attempt says of its call what the options of one say.
    return yield* new Run(this.layer, attempt.ctx, goOn, attempt as CallOptions<T>)
  }
}

/** One who is told of what guards do. */
class Watch {
  private readonly watched = new Map<Guard | Policy, Disposable>()

  constructor(private readonly listener: GuardListener) {}

  /** Watches these, and no others any more. */
  follow(parts: readonly (Guard | Policy)[]): void {
    const { watched, listener } = this
    for (const [part, watch] of watched) {
      if (parts.includes(part)) continue
      watch[Symbol.dispose]()
      watched.delete(part)
    }
    for (const part of parts) {
      if (watched.has(part)) continue
      watched.set(part, part instanceof Policy ? part.watch(listener) : part.figures.watch(listener))
    }
  }
}

function checkGuards(guards: readonly unknown[]): void {
  for (const [i, guard] of guards.entries()) {
    if (isGate(guard) || isWrapper(guard)) continue
    throw new ArgumentError(`policy() composes guards, and number ${i + 1} is none: ${String(guard)}`)
  }
}

function layerOf(parts: readonly (Guard | Policy)[]): Layer {
  const at = parts.findIndex(isWrapper)
  if (at < 0) return { gates: parts as readonly Gate[], wrapper: undefined, inner: undefined }
  return {
    gates: parts.slice(0, at) as readonly Gate[],
    wrapper: parts[at] as Wrapper, // of a policy, too, a run asks for nothing but `wrap`
    inner: layerOf(parts.slice(at + 1)),
  }
}

function isGate(guard: unknown): guard is Gate {
  return typeof (guard as Partial<Gate> | undefined)?.enter === 'function'
}

function isWrapper(guard: unknown): guard is Wrapper {
  return typeof (guard as Partial<Wrapper> | undefined)?.wrap === 'function'
}
