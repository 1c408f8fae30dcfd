import { stat } from 'node:fs/promises'
import type { Linked } from '../runtime/wait-list.js'
import type { Expiring, TimerWheel } from './timer-wheel.js'

/**
 * Sees when files change. They are looked at every now and then: notices of the system say nothing of a file behind a
 * symbolic link that is turned, which is how Kubernetes and certbot put new ones in place.
 *
 * A change counts when two looks in a row have seen the same: a certificate and its key are two files, and between the
 * writing of the one and of the other they do not belong together.
 */
export class FileWatch implements Expiring {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined
  dueTick = 0
  wheelSlot = -1
  private files: readonly string[] = []
  /** What the files were like when they were used, and at the last look. */
  private used: string | undefined = undefined
  private seen: string | undefined = undefined
  /** Grows when others are to be watched: a look at the earlier ones is of no interest any more. */
  private round = 0

  /** @param everyMs how long after a look the next one is. */
  constructor(
    private readonly wheel: TimerWheel,
    private readonly everyMs: number,
    private readonly changed: () => void,
  ) {}

  /** Watches these instead of those before, from how they are now. */
  watch(files: readonly string[]): void {
    this.stop()
    this.files = files
    if (files.length > 0 && this.everyMs !== Infinity) void this.look(this.round)
  }

  stop(): void {
    this.round++
    this.used = undefined
    this.seen = undefined
    this.wheel.clear(this)
  }

  /** @internal */
  expired(): void {
    void this.look(this.round)
  }

  private async look(round: number): Promise<void> {
    const now = (await Promise.all(this.files.map(stateOf))).join()
    if (round !== this.round) return
    this.used ??= now
    const isSettled = now === this.seen
    this.seen = now
    this.wheel.set(this, this.everyMs)
    if (!isSettled || now === this.used) return
    this.used = now
    this.changed()
  }
}

async function stateOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}`
  } catch {
    return 'none'
  }
}
