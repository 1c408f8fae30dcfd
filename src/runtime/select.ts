import { Never } from './chan.js'
import { Goroutine } from './goroutine.js'
import { type Contest, Operation, type Waiter } from './operation.js'
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
  private readonly cases: Cases
  /** The operations of the cases; their order is of no meaning. */
  private readonly operations: Operation<unknown>[]

  constructor(cases: Cases) {
    super()
    let count = 0
    for (const key in cases) if (cases[key] !== undefined) count++
    const operations = new Array<Operation<unknown>>(count)
    count = 0
    for (const key in cases) {
      const operation = cases[key]
      if (operation !== undefined) operations[count++] = operation.claim()
    }
    this.cases = cases
    this.operations = operations
  }

  get isEmpty(): boolean {
    return this.operations.length === 0
  }

  override get waitReason(): string {
    return 'select'
  }

  // Every case is tried once, in random order; the order is drawn as far as it is needed (Fisher and Yates).
  override attempt(): boolean {
    const { operations } = this
    let left = operations.length
    if (left === 0) return false
    const { random } = scheduler()
    do {
      const drawn = left === 1 ? 0 : random.below(left)
      const operation = operations[drawn] as Operation<unknown>
      if (operation.attempt()) return this.choose(operation)
      left--
      operations[drawn] = operations[left] as Operation<unknown>
      operations[left] = operation
    } while (left > 0)
    return false
  }

  override park(): void {
    const { operations } = this
    // What crosses threads may turn out to be ready while it parks; then the others need not.
    for (let i = 0; i < operations.length && !this.hasEnded; i++) {
      const operation = operations[i] as Operation<unknown>
      operation.parkFor(this)
    }
  }

  override lose(): void {
    super.lose()
    for (const operation of this.operations) operation.lose()
  }

  /** A case can be committed by another thread: all the others have to win from now on. */
  override contend(contest: Contest): void {
    super.contend(contest)
    const { operations } = this
    for (let i = 0; i < operations.length; i++) (operations[i] as Operation<unknown>).contend(contest)
  }

  // A case that leaves its queue may let the next one there have its turn, which may be a case of this very select.
  override unpark(): void {
    const { operations } = this
    for (let i = 0; i < operations.length; i++) (operations[i] as Operation<unknown>).lose()
    for (let i = 0; i < operations.length; i++) (operations[i] as Operation<unknown>).abandon()
  }

  wake(operation: Operation<unknown>): void {
    this.unpark()
    this.choose(operation)
  }

  private choose(operation: Operation<unknown>): true {
    if (operation.failed) return this.fail(operation.value)
    return this.complete({ key: this.keyOf(operation), value: operation.value } as R)
  }

  private keyOf(operation: Operation<unknown>): string | undefined {
    for (const key in this.cases) {
      const each = this.cases[key]
      if (each === operation || (each instanceof Goroutine && each.isJoinedBy(operation))) return key
    }
    return undefined
  }
}
