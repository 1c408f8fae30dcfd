import type { RecvChan } from '../../runtime/chan.js'
import { hostNow } from '../../runtime/clock.js'
import type { Routine } from '../../runtime/operation.js'
import { scheduler } from '../../runtime/scheduler.js'
import { select } from '../../runtime/select.js'
import { after, yieldNow } from '../../runtime/sleep.js'

/** As a handler that computes does: longer than a goroutine may run, short enough for others to go on between. */
const sliceMs = 5
/** A thread that could not keep up does not make up for more than so much later. */
const mostOwedMs = 50
/** What is less is nothing: a clock may not move by so little. */
const leastMs = 1e-6

/**
 * Spends a share of the thread's time on nothing, until `off` is closed: slices, behind each of which the others have their
 * turn. What it owes is reckoned from the time that has passed, so that timers that ring late do not make it less.
 * @param burn keeps the thread busy for so long.
 */
export function* burnTime(
  load: number,
  off: RecvChan<unknown>,
  burn: (ms: number) => void = spin,
): Routine<void> {
  const { clock } = scheduler()
  let owedMs = 0
  for (let lastMs = clock.now(); off.tryRecv() === undefined; ) {
    const nowMs = clock.now()
    owedMs = Math.min(owedMs + (nowMs - lastMs) * load, mostOwedMs)
    lastMs = nowMs
    if (owedMs < sliceMs - leastMs) yield* select({ owed: after((sliceMs - owedMs) / load), off: off.recv() })
    else {
      burn(sliceMs)
      owedMs -= sliceMs
      yield* yieldNow()
    }
  }
}

function spin(ms: number): void {
  for (const untilMs = hostNow() + ms; hostNow() < untilMs; );
}

const pieceMiB = 4

/** Memory that is taken and not used: outside of the JavaScript heap, and really there. */
export class HeldMemory {
  private pieces: Uint8Array[] = []

  get heldMiB(): number {
    return this.pieces.length === 0 ? 0 : this.pieces.reduce((sum, { length }) => sum + length, 0) / 2 ** 20
  }

  /** Takes so much, piece by piece, unless `off` is closed before. What the host cannot give is not taken. */
  *take(memoryMiB: number, off: RecvChan<unknown>): Routine<void> {
    try {
      for (let left = memoryMiB; left > 0 && off.tryRecv() === undefined; left -= pieceMiB) {
        // Bytes that nobody has written to are promised by the system only.
        this.pieces.push(new Uint8Array(Math.min(left, pieceMiB) * 2 ** 20).fill(1))
        yield* yieldNow()
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }

  /** The collector has it from now on. */
  letGo(): void {
    this.pieces = []
  }
}
