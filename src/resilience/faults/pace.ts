import type { RecvChan } from '../../runtime/chan.js'
import type { Routine } from '../../runtime/operation.js'
import { scheduler } from '../../runtime/scheduler.js'
import { select } from '../../runtime/select.js'
import { after } from '../../runtime/sleep.js'

/** Bytes go in pieces of so much time, so that they flow rather than come in heaps. */
const pieceMs = 50
const mostPieceBytes = 65_536

/**
 * Lets bytes pass at so many a second, as a line of that speed does: each piece once the time that it takes is over. After a
 * wait that was too long it may catch up for 50 ms; a line that was idle has nothing saved up beyond that. So over any
 * interval no more than `bytesPerSecond * (interval + 50 ms)` pass.
 */
export class Pace {
  /** When what has been let through so far is over the line. */
  private paidMs = scheduler().clock.now()

  /** @param off closed when the line is as fast as ever again. */
  constructor(
    private readonly bytesPerSecond: number,
    private readonly off: RecvChan<unknown>,
  ) {}

  /** What is to go one after the other, each piece after its `turnOf`. */
  *pieces(bytes: Uint8Array): Generator<Uint8Array, void> {
    const most = Math.max(1, Math.min(mostPieceBytes, Math.floor((this.bytesPerSecond * pieceMs) / 1000)))
    for (let at = 0; at < bytes.length; at += most) yield bytes.subarray(at, at + most)
  }

  /** Waits until so many bytes more are over the line. */
  *turnOf(bytes: number): Routine<void> {
    const { clock } = scheduler()
    const nowMs = clock.now()
    this.paidMs = Math.max(this.paidMs, nowMs - pieceMs) + (bytes * 1000) / this.bytesPerSecond
    if (this.paidMs > nowMs) yield* select({ over: after(this.paidMs - nowMs), off: this.off.recv() })
  }
}
