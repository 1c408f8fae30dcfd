import { DeadlineExceeded, withDeadline } from '../context/deadline.js'
import { background } from '../context/background.js'
import { CancelNode, Dependent } from '../context/cancel.js'
import type { Context, ContextKey } from '../context/context.js'
import { Ending } from '../context/ending.js'
import { withValue } from '../context/value.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import { cell, readCell, Scratch } from './cell.js'
import type { Extension } from './extension.js'
import type { Watch } from './processor.js'
import { defineExtension, defineKind, object, SharedObject } from './shared-object.js'
import { Waiters } from './waiters.js'

/**
 * Contexts across threads. What crosses is a word in shared memory that says how the context ended, its deadline, and the
 * values of registered keys; the other thread has a context of its own from these. It sees the word whenever it is asked, at
 * every operation that the context bounds, and is rung for those who wait.
 */

/** What the word says. */
const lasts = 0
const wasCanceled = 1
const deadlinePassed = 2

const signal = { state: object.words, hasCause: object.words + 1, cause: object.words + 2 } as const
const signalBytes = (signal.cause + cell.words) * 4
const signalKind = 7

/** How a context of one thread ended, for the others. */
class EndSignal extends SharedObject {
  readonly waiters: Waiters

  constructor(address?: number) {
    super(signalKind, address, signalBytes)
    this.waiters = new Waiters(this.processor, this.address)
  }

  static {
    defineKind(signalKind, (address) => new EndSignal(address))
  }

  watch(watch: Watch): void {
    this.processor.watch(watch)
  }

  unwatch(watch: Watch): void {
    this.processor.unwatch(watch)
  }

  get state(): number {
    return Atomics.load(this.words, this.address + signal.state)
  }

  /** Says how it ended. A cause that cannot cross stays behind. */
  set(state: number, cause: unknown): void {
    const { words, address } = this
    if (cause !== undefined) {
      try {
        const scratch = new Scratch(this.processor)
        scratch.write(cause)
        scratch.copyTo(address + signal.cause)
        scratch.free()
        words[address + signal.hasCause] = 1
      } catch {}
    }
    Atomics.store(words, address + signal.state, state)
    this.waiters.ringAll()
  }

  /** The cause; it is read by one thread at most. */
  takeCause(): unknown {
    const { words, address } = this
    if (Atomics.compareExchange(words, address + signal.hasCause, 1, 0) !== 1) return undefined
    return readCell(this.processor, address + signal.cause)
  }
}

/** Tells other threads of the end of a context of this one. */
class Relay extends Dependent {
  readonly signal = new EndSignal()

  override end(ending: Ending): void {
    const cause = ending.cause === ending.err ? undefined : ending.cause
    this.signal.set(ending.err instanceof DeadlineExceeded ? deadlinePassed : wasCanceled, cause)
  }
}

/** A context of another thread. */
export class RemoteContext extends CancelNode implements Watch {
  constructor(private readonly remote: EndSignal) {
    super(background())
  }

  // Read from shared memory each time, so that a goroutine that never parks sees it too.
  override howEnded(): Ending | undefined {
    const ending = super.howEnded()
    if (ending !== undefined || this.remote.state === lasts) return ending
    this.end(
      new Ending(this.remote.state === deadlinePassed ? DeadlineExceeded : Canceled, this.remote.takeCause()),
    )
    return super.howEnded()
  }

  look(): boolean {
    if (this.howEnded() !== undefined) return true
    this.remote.waiters.arm()
    return this.howEnded() !== undefined
  }

  protected override observed(): void {
    this.remote.watch(this)
    this.look()
  }

  protected override unobserved(): void {
    this.remote.unwatch(this)
    this.remote.waiters.disarm(() => false)
  }
}

/** What crosses of a context. */
interface Packed {
  readonly signal: EndSignal | undefined
  readonly deadlineMs: number | undefined
  readonly values: readonly (readonly [name: string, value: unknown])[]
}

const keys = new Map<string, ContextKey<unknown>>()
const relays = new WeakMap<Context, Relay>()

/**
 * Has the values of a context key cross threads together with the context, as copies. Call it at the top level of the module
 * that makes the key: on the other thread the key of that name is meant.
 *
 * @throws ArgumentError if there is another key of that name.
 */
export function registerContextKey(key: ContextKey<unknown> | ContextKey<never>): void {
  const known = keys.get(key.name)
  if (known !== undefined && known !== key)
    throw new ArgumentError(
      `registerContextKey(): there is another key named '${key.name}'; the names of keys that cross threads are unique`,
    )
  keys.set(key.name, key as ContextKey<unknown>)
}

function relayOf(ctx: Context): EndSignal | undefined {
  if (ctx.isEndless === true) return undefined
  let relay = relays.get(ctx)
  if (relay === undefined) {
    relay = new Relay()
    relays.set(ctx, relay)
    relay.follow(ctx)
  }
  return relay.signal
}

function isContext(value: object): boolean {
  return (
    'done' in value &&
    typeof value.done === 'function' &&
    'value' in value &&
    typeof value.value === 'function' &&
    'err' in value &&
    'deadline' in value
  )
}

defineExtension({
  tag: 1,
  matches: isContext,
  pack: (value): Packed => {
    const ctx = value as Context
    const values = [...keys].flatMap(([name, key]) => {
      const held = ctx.value(key)
      return held === undefined ? [] : [[name, held] as const]
    })
    return { signal: relayOf(ctx), deadlineMs: ctx.deadline?.getTime(), values }
  },
  unpack: (data): Context => {
    const { signal, deadlineMs, values } = data as Packed
    let ctx: Context = signal === undefined ? background() : new RemoteContext(signal)
    // A timer of this thread's own: it rings also while the thread that made the context is stuck.
    if (deadlineMs !== undefined) ctx = withDeadline(ctx, new Date(deadlineMs))
    for (const [name, value] of values) {
      const key = keys.get(name)
      if (key !== undefined) ctx = withValue(ctx, key, value)
    }
    return ctx
  },
} satisfies Extension)

/** The contexts among the arguments of a task that may end before it does. */
export function contextsAmong(args: readonly unknown[]): Context[] {
  return args.filter(
    (each): each is Context =>
      typeof each === 'object' && each !== null && each.constructor !== Object && isContext(each),
  )
}
