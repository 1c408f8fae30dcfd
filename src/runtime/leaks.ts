import type { Goroutine } from './goroutine.js'
import { recordAllSites, siteOf, functionOf } from './origin.js'
import { thread, type Tracker } from './scheduler.js'
import { firstUserFrame, nameOf } from './traceback.js'

/** A goroutine that was parked when the garbage collector found that nothing could ever wake it. */
export interface Leak {
  readonly id: number
  readonly waitReason: string
  /** The name of its function. */
  readonly name: string
  /** `function (file:line:column)` of its `go`. */
  readonly createdAt: string | undefined
}

/**
 * Calls `listener` for every goroutine, started from now on, that the garbage collector finds parked for ever: whatever
 * could wake it is unreachable. Returns how to stop. Costs about 10 µs a goroutine, so it is off until asked for.
 * The `finally` blocks of a leaked goroutine never run. Source: Go's goroutineleak profile (go#74609).
 */
export function onLeak(listener: (leak: Leak) => void): () => void {
  recordAllSites()
  listeners.add(listener)
  thread.tracker ??= new WeakTracker()
  return () => {
    listeners.delete(listener)
  }
}

const listeners = new Set<(leak: Leak) => void>()

/** The text of a leak, in Go's layout. */
export function describeLeak({ id, waitReason, name, createdAt }: Leak): string {
  return `goroutine ${id} [${waitReason} (leaked)]: ${name}, created by ${createdAt ?? '?'}`
}

interface Entry {
  readonly reference: WeakRef<Goroutine<unknown>>
  readonly leak: Leak & { waitReason: string }
}

/** Lists goroutines by weak references, so that one that nothing else refers to can be collected, and is noticed. */
class WeakTracker implements Tracker {
  private readonly entries = new Map<number, Entry>()
  private readonly collected = new FinalizationRegistry<{ id: number; ended: () => void }>(
    ({ id, ended }) => {
      const entry = this.entries.get(id)
      if (entry === undefined) return
      this.entries.delete(id)
      ended()
      for (const listener of listeners) listener(entry.leak)
    },
  )

  parks(g: Goroutine<unknown>): void {
    const waitReason = g.waitReason ?? ''
    const entry = this.entries.get(g.id)
    if (entry !== undefined) {
      entry.leak.waitReason = waitReason
      return
    }
    // Text only: a stack or a function that is not formatted yet holds the variables of its scope, channels among them.
    const createdAt = firstUserFrame(siteOf(g.origin)?.at.stack)
    const leak = { id: g.id, waitReason, name: nameOf(functionOf(g.origin)), createdAt }
    this.entries.set(g.id, { reference: new WeakRef(g), leak })
    const { scheduler } = g
    this.collected.register(g, { id: g.id, ended: () => scheduler.live-- }, g)
  }

  ends(g: Goroutine<unknown>): void {
    this.entries.delete(g.id)
    this.collected.unregister(g)
  }

  *all(): Generator<Goroutine<unknown>, void> {
    for (const { reference } of this.entries.values()) {
      const g = reference.deref()
      if (g !== undefined) yield g
    }
  }
}
