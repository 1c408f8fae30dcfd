import { type Memory, proc, procAt } from './layout.js'

/**
 * Sleep and wake across threads.
 *
 * The one who sleeps says so first, and then looks again for work; the one who brings work publishes it first, and then
 * looks whether somebody sleeps. So at least one of the two sees the other. Whoever changes the state from asleep to awake
 * by compareExchange owns the wake, so that a sleep is ended by one notify at most, and nobody who is awake is notified:
 * a wake costs 6 to 12 µs. (The tempting wrong version looks for work first and then says that it sleeps.)
 *
 * Sleeping is soft (the thread's event loop goes on) or, where a thread has nothing of its own that could happen, hard.
 */
export const awake = 0
/** Looks for work, or for answers, without sleeping. */
export const polling = 1
/** Sleeps; its own timers and I/O go on. */
export const parked = 2
/** Sleeps, and nothing of its own can wake it. */
export const quiet = 3
/** Takes no part. */
export const retired = 4
/** Sleeps, and takes no tasks when it is woken: it loads a module, or a goroutine has locked its thread. */
export const closed = 5

export class Doorbell {
  private readonly words: Int32Array
  private readonly at: number
  private isListening = false

  constructor(memory: Memory, p: number) {
    this.words = memory.words
    this.at = procAt(p) + proc.state
  }

  /** Says that this processor sleeps, as `how`; `true` if it has to stay awake, because `hasWork` found some then. */
  lieDown(how: number, hasWork: () => boolean): boolean {
    const { words, at } = this
    Atomics.store(words, at, how)
    if (!hasWork()) return false
    this.getUp()
    return true
  }

  /** Sleeps hard until it is woken, for `ms` at most. */
  sleep(ms: number): void {
    Atomics.wait(this.words, this.at, quiet, ms)
    this.getUp()
  }

  /**
   * Calls back when this processor, which sleeps, is woken. The event loop is not kept alive by that. One that gets up by
   * itself is still listening, and hears the ring that ends a later sleep: to listen anew for each would cost as much as
   * a wake. So it may be called back without a reason.
   */
  listen(woken: () => void): void {
    if (this.isListening) return
    this.isListening = true
    const heard = () => {
      this.isListening = false
      woken()
    }
    const state = Atomics.load(this.words, this.at)
    const wait = isAsleep(state) ? Atomics.waitAsync(this.words, this.at, state) : undefined
    void (wait?.async === true ? wait.value : Promise.resolve()).then(heard)
  }

  /** Awake by itself. */
  getUp(): void {
    this.wakeAs(awake)
  }

  get sleeps(): boolean {
    return isAsleep(this.words[this.at] as number)
  }

  /** What others see of this processor while it is awake. */
  set isPolling(on: boolean) {
    const state = on ? polling : awake
    if (!this.sleeps && this.words[this.at] !== state) Atomics.store(this.words, this.at, state)
  }

  get isPolling(): boolean {
    return this.words[this.at] === polling
  }

  /** It has nothing to do: it looks for work, or sleeps until there is some. */
  get isFree(): boolean {
    const state = this.words[this.at] as number
    return state === polling || state === parked || state === quiet
  }

  /** Another thread: wakes this processor if it sleeps. What it is to find has been published. */
  ring(): void {
    if (this.wakeAs(awake)) Atomics.notify(this.words, this.at)
  }

  /** Another thread: wakes this processor to look for work; it gets up `polling`. False if it does not sleep. */
  ringForWork(): boolean {
    if (!this.wakeAs(polling)) return false
    Atomics.notify(this.words, this.at)
    return true
  }

  private wakeAs(state: number): boolean {
    const { words, at } = this
    const now = Atomics.load(words, at)
    if (now !== parked && now !== quiet && (now !== closed || state === polling)) return false
    return Atomics.compareExchange(words, at, now, state) === now
  }
}

function isAsleep(state: number): boolean {
  return state === parked || state === quiet || state === closed
}
