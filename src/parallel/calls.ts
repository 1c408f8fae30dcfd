import { MisuseError } from '../runtime/errors.js'
import { type Linked, WaitList } from '../runtime/wait-list.js'
import { TaskNotFoundError } from './bodies.js'
import {
  canceled,
  done,
  kindOf,
  machineOf,
  queued,
  running,
  SlotArena,
  slotFlag,
  unqueue,
} from './call-slot.js'
import type { Everybody } from './everybody.js'
import { type Memory, proc, procAt, slot, slotAt, slotNumber } from './layout.js'
import { taskName, type Names } from './names.js'
import { NotCarriedError } from './not-carried.js'
import type { Payloads } from './payloads.js'
import { WorkerDied } from './worker-died.js'

/** The caller's side of a call: an operation of the thread that called. It is itself the node in the list of waiters. */
export interface Call extends Linked {
  /** The task, as its number in the table of names. */
  readonly task: number
  readonly args: unknown
  /** The only processor that may run it; -1 for any, or `elsewhere`. */
  readonly pin: number
  readonly flags: number
  /** Its slot; 0 while it waits for one. */
  number: number
  settle(failed: boolean, value: unknown): void
}

/** Any processor but that of the caller, if there is another one. */
export const elsewhere = -2

/** What calls need of the processor whose thread makes them. */
export interface Sender {
  /** Queues a call. @param pin the processor that is to run it; -1 for any. */
  enqueue(number: number, pin: number): void
  ring(p: number): void
  schedule(): void
}

/** The calls that one thread makes: each in a slot of its processor, from its arguments to its result. */
export class Calls {
  private readonly arena: SlotArena
  private readonly words: Int32Array
  private readonly at: number
  private readonly calls: (Call | undefined)[] = []
  /** The thread that a call's arguments were sent to by message, by the index of its slot. */
  private readonly postedTo: number[] = []
  private readonly waiting = new WaitList<Call>()
  /** Finished calls that this very thread has run. */
  private readonly own: number[] = []

  constructor(
    private readonly memory: Memory,
    private readonly p: number,
    private readonly names: Names,
    private readonly payloads: Payloads,
    private readonly all: Everybody,
    private readonly sender: Sender,
  ) {
    this.words = memory.words
    this.at = procAt(p)
    this.arena = new SlotArena(memory, p)
  }

  /** Slots that are in use. */
  get outstanding(): number {
    return this.arena.outstanding
  }

  /** Results that nobody has looked at. */
  get hasResults(): boolean {
    return Atomics.load(this.words, this.at + proc.completions) !== 0 || this.own.length > 0
  }

  /** Starts a call, once one of this processor's slots is free. */
  start(call: Call): void {
    const number = this.waiting.isEmpty ? this.arena.take() : 0
    if (number === 0) {
      call.number = 0
      this.waiting.push(call)
      this.sender.schedule()
    } else this.launch(call, number)
  }

  /** The caller waits no more: a call that has not begun never does, one that runs is told to stop. */
  abandon(call: Call): void {
    const { number } = call
    if (number === 0) {
      this.waiting.remove(call)
      return
    }
    this.calls[this.indexOf(number)] = undefined
    if (unqueue(this.memory, number)) {
      this.payloads.drop(number)
      this.give(number)
      return
    }
    Atomics.store(this.words, slotAt(number) + slot.cancel, canceled)
    const runner = this.all.processorOf(machineOf(Atomics.load(this.words, slotAt(number) + slot.state)))
    if (runner === -1) return
    Atomics.add(this.words, procAt(runner) + proc.cancels, 1)
    this.sender.ring(runner)
  }

  private launch(call: Call, number: number): void {
    const { words } = this
    const at = slotAt(number)
    if (call.pin > 0 && (call.pin >= this.all.procs || this.all.cannotStart(call.pin))) {
      this.give(number)
      call.settle(true, call.pin >= this.all.procs ? takenAway(call.pin) : this.notStarted(call))
      return
    }
    words[at + slot.task] = call.task
    words[at + slot.pin] = (call.pin === elsewhere ? this.all.another() : call.pin) + 1
    words[at + slot.flags] = call.flags
    words[at + slot.cancel] = 0
    words[at + slot.serial] = ((words[at + slot.serial] as number) + 1) | 0
    try {
      if (!this.payloads.write(number, call.args)) this.postArgs(call, number)
    } catch (error) {
      this.give(number)
      if (error instanceof NotCarriedError)
        error.message = `task '${taskName(this.names, call.task)}': ${error.message}`
      call.settle(true, error)
      return
    }
    call.number = number
    this.calls[this.indexOf(number)] = call
    Atomics.store(words, at + slot.state, queued)
    this.sender.enqueue(number, (words[at + slot.pin] as number) - 1)
  }

  /** What only a message can carry goes to one processor, chosen now. */
  private postArgs(call: Call, number: number): void {
    const target = call.pin < 0 ? this.all.another() : call.pin
    this.words[slotAt(number) + slot.pin] = target + 1
    this.postedTo[this.indexOf(number)] = this.all.machineOf(target)
    this.payloads.post(number, call.args, target)
  }

  /** This thread has run one of its own calls. */
  finishedHere(number: number): void {
    this.own.push(number)
  }

  /** Reads the results that have come; true if there were any. */
  settleAll(): boolean {
    const { words, at, own } = this
    let found = false
    if (own.length > 0) {
      found = true
      for (const number of own.splice(0)) this.settle(number)
    }
    if (words[at + proc.completions] === 0) return found
    const numbers: number[] = []
    let number = Atomics.exchange(words, at + proc.completions, 0)
    for (; number !== 0; number = words[slotAt(number) + slot.next] as number) numbers.push(number)
    for (let i = numbers.length - 1; i >= 0; i--) this.settle(numbers[i] as number)
    return true
  }

  private settle(number: number): void {
    const state = Atomics.load(this.words, slotAt(number) + slot.state)
    if (kindOf(state) !== done) return
    const index = this.indexOf(number)
    const call = this.calls[index]
    if (call === undefined) {
      this.payloads.drop(number)
      this.give(number)
      return
    }
    const failed = ((this.words[slotAt(number) + slot.flags] as number) & slotFlag.failed) !== 0
    const settle = (value: unknown) => {
      const isWanted = this.calls[index] === call // it may have been abandoned while its result was under way
      this.calls[index] = undefined
      this.give(number)
      if (isWanted) call.settle(failed, value)
    }
    this.payloads.read(number, settle, (error) => {
      this.calls[index] = undefined
      this.give(number)
      call.settle(true, error)
    })
  }

  private give(number: number): void {
    this.arena.give(number)
    const call = this.waiting.first
    if (call === undefined) return
    this.waiting.remove(call)
    const next = this.arena.take()
    if (next !== 0) this.launch(call, next)
  }

  /** Saves what a dead thread left of this processor's calls: what it ran has failed, everything else goes on. */
  recover(): void {
    this.settleAll()
    const alive = new Set(this.all.queues.map((_, p) => this.all.machineOf(p)))
    const lost: number[] = []
    for (const { number, state } of this.arena.entries()) {
      const kind = kindOf(state)
      if (kind === queued) {
        if (!this.postAgain(number, alive)) lost.push(number)
      } else if (kind === running && !alive.has(machineOf(state))) this.lose(number, machineOf(state))
      else if (kind === done && !alive.has(machineOf(state))) this.settle(number)
    }
    for (const number of lost) if (!this.isOutOfReach(number)) this.enqueueAgain(number)
  }

  /** Fails a queued call whose processor could not be started, so that nobody else may take it. */
  private isOutOfReach(number: number): boolean {
    const pin = (this.words[slotAt(number) + slot.pin] as number) - 1
    const index = this.indexOf(number)
    const call = this.calls[index]
    if (call === undefined || pin < 1 || !this.all.cannotStart(pin) || !unqueue(this.memory, number))
      return false
    this.calls[index] = undefined
    this.payloads.drop(number)
    this.give(number)
    call.settle(true, this.notStarted(call))
    return true
  }

  private notStarted(call: Call): TaskNotFoundError {
    return new TaskNotFoundError(
      `task '${taskName(this.names, call.task)}': ${this.all.lastCauseOfDeath}. A worker thread loads the module of its first task, or the bundle, which must not fail there: its top level runs in every worker thread`,
    )
  }

  /** Arguments that went by message to a thread that died before it took the call: they are sent once more. */
  private postAgain(number: number, alive: ReadonlySet<number>): boolean {
    const index = this.indexOf(number)
    const call = this.calls[index]
    const isPosted = ((this.words[slotAt(number) + slot.flags] as number) & slotFlag.posted) !== 0
    if (call === undefined || !isPosted || alive.has(this.postedTo[index] as number)) return false
    if (!unqueue(this.memory, number)) return false
    this.calls[index] = undefined
    this.give(number)
    this.start(call)
    return true
  }

  /** The thread that ran a call has died. */
  private lose(number: number, machine: number): void {
    const index = this.indexOf(number)
    const call = this.calls[index]
    this.calls[index] = undefined
    this.payloads.drop(number)
    this.give(number)
    if (call === undefined) return
    if ((call.flags & slotFlag.idempotent) !== 0) this.start(call)
    else
      call.settle(
        true,
        new WorkerDied(taskName(this.names, call.task), machine, this.all.causeOfDeath(machine)),
      )
  }

  /** The entry of a queued call may have been in the dead one's hands. A second one does no harm: see `claim`. */
  private enqueueAgain(number: number): void {
    const pin = (this.words[slotAt(number) + slot.pin] as number) - 1
    if (pin === -1) this.all.global.push([number])
    else {
      this.all.inboxOf(pin).push([number])
      this.sender.ring(pin)
    }
  }

  private indexOf(number: number): number {
    return number - slotNumber(this.p, 0)
  }
}

function takenAway(p: number): MisuseError {
  return new MisuseError(
    `a task for processor ${p}, which procs() has taken away: ask for another one, or for none`,
  )
}
