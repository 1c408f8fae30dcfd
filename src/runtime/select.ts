import { Never } from './chan.js'
import { Goroutine } from './goroutine.js'
import { Operation, type Waiter } from './operation.js'
import { scheduler } from './scheduler.js'

/** What a select can wait for: an operation, or a goroutine that it joins. `undefined` is never ready. */
export type Case = Operation<unknown> | Goroutine<unknown> | undefined
export type Cases = { readonly [key: string]: Case }

/** The case that was chosen: `key` names it, `value` is typed for it. */
export type Selected<C extends Cases> = {
  [K in keyof C & string]-?: { readonly key: K; readonly value: ValueOf<NonNullable<C[K]>> }
}[keyof C & string]
type ValueOf<O> = O extends Operation<infer T> ? T : O extends Goroutine<infer T> ? T : never

/**
 * Waits until one of several operations can go on, and does that one and no other. Among those that are ready it
 * chooses at random, each as likely as any other. A case that fails makes the select throw. Without any case it waits
 * for ever. Source: Go's `select` statement.
 *
 * ```ts
 * const r = yield* select({ msg: ch.recv(), quit: ctx.done(), late: after(100) })
 * if (r.key === 'msg') console.log(r.value)
 * ```
 */
export function select<const C extends Cases>(cases: C): Operation<Selected<C>> {
  const select = new Select<Selected<C>>(cases)
  return select.isEmpty ? new Never('select (no cases)') : select
}

/** The case that is ready now, done; `undefined` if none is. Source: Go's `select` with a `default`. */
export function trySelect<const C extends Cases>(cases: C): Selected<C> | undefined {
  const select = new Select<Selected<C>>(cases)
  if (!select.claim().attempt()) return undefined
  if (select.failed) throw select.value
  return select.value as Selected<C>
}

class Select<R> extends Operation<R> implements Waiter {
  private readonly keys: string[] = []
  private readonly operations: Operation<unknown>[] = []

  constructor(cases: Cases) {
    super()
    for (const key in cases) {
      const operation = cases[key]
      if (operation === undefined) continue
      this.keys.push(key)
      this.operations.push((operation instanceof Operation ? operation : operation.join()).claim())
    }
  }

  get isEmpty(): boolean {
    return this.keys.length === 0
  }

  override get waitReason(): string {
    return 'select'
  }

  // Every case is tried once, in random order; the order is drawn as far as it is needed (Fisher and Yates).
  override attempt(): boolean {
    const { keys, operations } = this
    const { random } = scheduler()
    for (let left = operations.length; left > 0; left--) {
      const drawn = left === 1 ? 0 : random.below(left)
      const operation = operations[drawn] as Operation<unknown>
      const key = keys[drawn] as string
      if (operation.attempt()) return this.choose(key, operation)
      operations[drawn] = operations[left - 1] as Operation<unknown>
      operations[left - 1] = operation
      keys[drawn] = keys[left - 1] as string
      keys[left - 1] = key
    }
    return false
  }

  override park(): void {
    for (const operation of this.operations) operation.parkFor(this)
  }

  override unpark(): void {
    for (const operation of this.operations) operation.abandon()
  }

  wake(operation: Operation<unknown>): void {
    this.unpark()
    this.choose(this.keys[this.operations.indexOf(operation)] as string, operation)
  }

  private choose(key: string, operation: Operation<unknown>): true {
    return operation.failed ? this.fail(operation.value) : this.complete({ key, value: operation.value } as R)
  }
}
