import { CONTESTED, type Operation } from './operation.js'

/** What a `WaitList` links: a node carries its own two links, so waiting costs no object of its own. */
export interface Linked {
  /** @internal */
  before: Linked | undefined
  /** @internal */
  after: Linked | undefined
}

/**
 * The waiters of one thing, in order of arrival. A node is in one list at most, and whoever unlinks it decides its
 * fate. Removal from the middle is O(1): a select that has been served leaves all its other queues.
 * Source: Go's `waitq` in runtime/chan.go.
 */
export class WaitList<N extends Linked> {
  first: N | undefined = undefined
  private last: N | undefined = undefined

  get isEmpty(): boolean {
    return this.first === undefined
  }

  push(node: N): void {
    const last = this.last
    node.before = last
    if (last === undefined) this.first = node
    else last.after = node
    this.last = node
  }

  /** Unlinks the first waiter that can be served; `undefined` when nobody waits. */
  shift(): N | undefined {
    const node = this.first
    if (node === undefined) return undefined
    if ((node as Linked as Operation<unknown>).state === CONTESTED) return this.shiftWon(node)
    this.unlinkFirst(node)
    return node
  }

  /** The first one may be ended by another thread as well: when that was faster, the next one has its turn. */
  private shiftWon(node: N): N | undefined {
    this.unlinkFirst(node)
    return (node as Linked as Operation<unknown>).isWon ? node : this.shift()
  }

  private unlinkFirst(node: N): void {
    const after = node.after as N | undefined // a list links only nodes of its own kind
    this.first = after
    if (after === undefined) this.last = undefined
    else {
      after.before = undefined
      node.after = undefined
    }
  }

  /** Unlinks `node`; false when it is not in this list. */
  remove(node: N): boolean {
    if (node.before === undefined && this.first !== node) return false
    this.unlink(node)
    return true
  }

  *[Symbol.iterator](): Generator<N, void> {
    for (let node = this.first; node !== undefined; node = node.after as N | undefined) yield node
  }

  private unlink(node: N): void {
    const { before, after } = node
    if (before === undefined) this.first = after as N | undefined
    else before.after = after
    if (after === undefined) this.last = before as N | undefined
    else after.before = before
    node.before = undefined
    node.after = undefined
  }
}
