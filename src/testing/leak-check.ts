import { SluiceError } from '../runtime/errors.js'
import { dumpOf, goroutines } from '../runtime/dump.js'
import type { Goroutine } from '../runtime/goroutine.js'
import { builtin, later } from '../runtime/host.js'
import { describeLeak, type Leak, onLeak } from '../runtime/leaks.js'
import { thread } from '../runtime/scheduler.js'

/** Goroutines were left behind; the message names each one, what it waits for and where it was created. */
export class LeakError extends SluiceError {
  readonly code = 'ERR_SLUICE_LEAK'
}

/**
 * Finds goroutines that are started from now on and left behind: those that still wait when `done` is called, and
 * those that the garbage collector found parked for ever.
 *
 * ```ts
 * const leaks = leakCheck()
 * await run(body)
 * await leaks.done()       // or: await using leaks = leakCheck()
 * ```
 *
 * Source: go.uber.org/goleak.
 */
export function leakCheck(): LeakCheck {
  return new LeakCheck()
}

/** Turns of the event loop before goroutines count as left behind; those that can still run get more, but not for ever. */
const turns = { least: 10, most: 200 }

export class LeakCheck implements AsyncDisposable {
  private readonly lastBefore = thread.lastId
  private readonly collected: Leak[] = []
  private readonly stop = onLeak((leak) => {
    if (leak.id > this.lastBefore) this.collected.push(leak)
  })

  /** @throws LeakError if goroutines are left, after those that can still run had their chance to end. */
  async done(): Promise<void> {
    for (let turn = 0; turn < turns.least || (turn < turns.most && this.someRun()); turn++)
      await eventLoopTurn()
    collectGarbage()
    await eventLoopTurn()
    collectGarbage()
    await eventLoopTurn()
    this.stop()
    const left = this.startedSince()
    const count = left.length + this.collected.length
    if (count === 0) return
    const parts = [`${count} goroutines were left behind:`, ...this.collected.map(describeLeak), dumpOf(left)]
    throw new LeakError(parts.filter((part) => part !== '').join('\n\n'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.done()
  }

  private startedSince(): Goroutine<unknown>[] {
    // The tracker knows also those of schedulers beside the thread's own: runs with a seed, bubbles.
    const all = new Set([...goroutines(), ...(thread.tracker?.all() ?? [])])
    return [...all].filter((g) => g.id > this.lastBefore && g.state !== 'dead').sort((a, b) => a.id - b.id)
  }

  private someRun(): boolean {
    return this.startedSince().some(({ state }) => state !== 'waiting')
  }
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => later(resolve))
}

/** Collects garbage now, with or without --expose-gc. */
function collectGarbage(): void {
  const exposed = (globalThis as { gc?: () => void }).gc
  if (exposed !== undefined) {
    exposed()
    return
  }
  builtin<{ setFlagsFromString(flags: string): void }>('node:v8')?.setFlagsFromString('--expose-gc')
  const gc = builtin<{ runInNewContext(code: string): () => void }>('node:vm')?.runInNewContext('gc')
  gc?.()
}
