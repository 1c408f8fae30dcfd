/**
 * Runs a protocol of shared memory through every interleaving of its threads. A thread is a list of steps; a step is
 * one access of memory that others see, and whatever it does to the thread's own variables with it. Memory is
 * sequentially consistent, as Atomics are; a plain access counts as a step too, where what publishes it comes later.
 *
 * The search is breadth first, so that the trace of a fault is a shortest one. Every state that can be reached is seen
 * once: what is found to hold, holds for the model of that size, whatever the timing.
 */

/** What is wrong, or nothing. */
export type Complaint = string | undefined

/** Where a thread goes on: the name of a step, `done`, or by default the step that follows. */
// biome-ignore lint/suspicious/noConfusingVoidType: a step that returns nothing reads like the line it stands for.
export type Next = string | undefined | void

export const done = 'done'

/** One way for a thread to go on. Methods, so that a thread with variables of its own is a thread of any model. */
interface Move<S, L> {
  readonly name: string
  enabled(shared: S, own: L): boolean
  run(shared: S, own: L): Next
}

export interface Step<S, L> {
  readonly name: string
  readonly moves: readonly Move<S, L>[]
  /** Runs at once with the step before it, since no other thread can tell. */
  readonly isLocal: boolean
}

export interface Thread<S, L extends object = object> {
  readonly name: string
  /** The thread's own variables, at the start. */
  readonly own: L
  readonly steps: readonly Step<S, L>[]
  readonly fate: Fate<S, L>
}

/** How a thread may end other than by its last step. */
export interface Fate<S, L> {
  /** It serves the others: that it sleeps at the end is no deadlock. */
  readonly serves?: boolean
  /** Whether it may be killed now, before its next step. */
  mayDie?(shared: S, own: L): boolean
  /** What the machine sees of its death. */
  onDeath?(shared: S, own: L): void
}

export interface Model<S> {
  readonly initial: S
  readonly threads: readonly Thread<S>[]
  /** Must hold in every state. */
  invariant?(shared: S): Complaint
  /** Must hold when nobody can go on any more. */
  final?(shared: S): Complaint
}

export interface Verdict {
  readonly states: number
  /** States in which nobody can go on. */
  readonly ends: number
  /** What is wrong, with the shortest way there. */
  readonly fault: Complaint
}

export function thread<S, L extends object>(
  name: string,
  own: L,
  steps: readonly Step<S, L>[],
  fate: Fate<S, L> = {},
): Thread<S, L> {
  const names = new Set(steps.map((it) => it.name))
  if (names.size !== steps.length) throw new Error(`model: two steps of ${name} have the same name`)
  return { name, own, steps, fate }
}

/** One atomic access. */
export function step<S, L>(name: string, run: (shared: S, own: L) => Next): Step<S, L> {
  return when(name, () => true, run)
}

/** One atomic access that the thread waits to be allowed. */
export function when<S, L>(
  name: string,
  enabled: (shared: S, own: L) => boolean,
  run: (shared: S, own: L) => Next,
): Step<S, L> {
  return { name, moves: [{ name, enabled, run }], isLocal: false }
}

/** Any one of the steps that are allowed, as the world would have it. */
export function either<S, L>(name: string, ...ways: readonly Step<S, L>[]): Step<S, L> {
  return { name, moves: ways.flatMap(({ moves }) => moves), isLocal: false }
}

/** A decision about the thread's own variables, and what the model writes down for its properties. */
export function local<S, L>(name: string, run: (shared: S, own: L) => Next): Step<S, L> {
  return { ...step(name, run), isLocal: true }
}

/** Goes through all interleavings, or up to the first fault. */
export function explore<S>(model: Model<S>): Verdict {
  return new Search(model).run()
}

/** The model holds, or an error shows the shortest way to its fault. */
export function verify<S>(model: Model<S>): Verdict {
  const verdict = explore(model)
  if (verdict.fault !== undefined) throw new Error(verdict.fault)
  return verdict
}

/** A state of the whole: `at` and `own` by thread. What it consists of is never changed once it was reached. */
interface Whole<S> {
  readonly shared: S
  readonly at: number[]
  readonly own: object[]
}

/** More would not fit into the time of a test; a model that grows so far is to be made smaller. */
const mostStates = 2_000_000

/** A way from a state to the next is the number of a thread and of a move, or this for its death. */
const death = 255
const ways = 256

class Search<S> {
  readonly #model: Model<S>
  readonly #names: readonly Map<string, number>[]
  readonly #numbers = new Map<string, number>()
  /** States reached and not yet visited; the place is the number. */
  readonly #wholes: (Whole<S> | undefined)[] = []
  /** By number of state: the state that it was reached from, and the way. */
  readonly #from: number[] = []
  readonly #way: number[] = []
  /** Pairs of states, one leads to the other. */
  readonly #edges: number[] = []
  readonly #ends: number[] = []

  constructor(model: Model<S>) {
    this.#model = model
    this.#names = model.threads.map(({ steps }) => new Map(steps.map(({ name }, index) => [name, index])))
  }

  run(): Verdict {
    this.#reach(this.#start(), -1, 0)
    for (let number = 0; number < this.#wholes.length; number++) {
      const fault = this.#visit(number)
      if (fault !== undefined) return this.#verdict(`${fault}\n${this.#trace(number)}`)
      if (number > mostStates) throw new Error(`model: more than ${mostStates} states`)
    }
    const stray = this.#stray()
    if (stray !== undefined) return this.#verdict(`livelock: no end can be reached\n${this.#trace(stray)}`)
    return this.#verdict(undefined)
  }

  #start(): Whole<S> {
    const { initial, threads } = this.#model
    const whole = {
      shared: copy(initial),
      at: threads.map(() => 0),
      own: threads.map(({ own }) => copy(own)),
    }
    for (const index of threads.keys()) this.#settle(whole, index, 0)
    return whole
  }

  #verdict(fault: Complaint): Verdict {
    return { states: this.#wholes.length, ends: this.#ends.length, fault }
  }

  #visit(number: number): Complaint {
    const whole = this.#wholes[number] as Whole<S>
    this.#wholes[number] = undefined
    const complaint = this.#model.invariant?.(whole.shared)
    if (complaint !== undefined) return complaint
    let moved = false
    for (const index of this.#model.threads.keys()) {
      for (const way of this.#waysOn(whole, index)) {
        if (way !== death) moved = true
        this.#reach(this.#go(whole, index, way), number, index * ways + way)
      }
    }
    return moved ? undefined : this.#end(number, whole)
  }

  #end(number: number, { shared, at }: Whole<S>): Complaint {
    this.#ends.push(number)
    const stuck = this.#model.threads.filter(({ fate }, index) => at[index] !== -1 && fate.serves !== true)
    if (stuck.length > 0) return `deadlock: ${stuck.map(({ name }) => name).join(', ')} cannot go on`
    return this.#model.final?.(shared)
  }

  /** The ways for one thread to go on. */
  #waysOn({ shared, at, own }: Whole<S>, index: number): number[] {
    const { steps, fate } = this.#thread(index)
    const result: number[] = []
    const moves = steps[at[index] as number]?.moves ?? []
    const mine = own[index] as object
    for (let way = 0; way < moves.length; way++) if (moves[way]?.enabled(shared, mine)) result.push(way)
    if (moves.length > 0 && fate.mayDie?.(shared, mine)) result.push(death)
    return result
  }

  #go(whole: Whole<S>, index: number, way: number): Whole<S> {
    const mine = copy(whole.own[index] as object)
    const next = { shared: copy(whole.shared), at: whole.at.slice(), own: whole.own.slice() }
    next.own[index] = mine
    const { steps, fate } = this.#thread(index)
    const at = next.at[index] as number
    if (way === death) {
      fate.onDeath?.(next.shared, mine)
      this.#settle(next, index, -1)
    } else {
      const to = steps[at]?.moves[way]?.run(next.shared, mine)
      this.#settle(next, index, this.#place(index, at, to))
    }
    return next
  }

  /** Puts a thread where it goes, through the decisions that it takes there. */
  #settle(whole: Whole<S>, index: number, place: number): void {
    const { steps, own } = this.#thread(index)
    let at = place
    for (let it = steps[at]; it?.isLocal; it = steps[at]) {
      at = this.#place(index, at, it.moves[0]?.run(whole.shared, whole.own[index] as object))
    }
    whole.at[index] = at
    if (at === -1) whole.own[index] = own // what a thread knew does not tell states apart once it ended
  }

  #place(index: number, from: number, next: Next): number {
    if (next === done) return -1
    const { steps, name } = this.#thread(index)
    const at = next === undefined ? from + 1 : this.#names[index]?.get(next)
    if (at === undefined) throw new Error(`model: ${name} has no step '${next}'`)
    return at < steps.length ? at : -1
  }

  #reach(whole: Whole<S>, from: number, way: number): void {
    const key = keyOf(whole)
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = this.#wholes.length
      this.#numbers.set(key, number)
      this.#wholes.push(whole)
      this.#from.push(from)
      this.#way.push(way)
    }
    if (from !== -1) this.#edges.push(from, number)
  }

  /** A state from which no end can be reached. */
  #stray(): number | undefined {
    const before = reversed(this.#edges, this.#wholes.length)
    const good = new Uint8Array(this.#wholes.length)
    const todo = [...this.#ends]
    for (let number = todo.pop(); number !== undefined; number = todo.pop()) {
      if (good[number] === 1) continue
      good[number] = 1
      before(number, (it) => {
        if (good[it] === 0) todo.push(it)
      })
    }
    const stray = good.indexOf(0)
    return stray === -1 ? undefined : stray
  }

  /** Goes the way to a state once more. */
  #trace(last: number): string {
    const path: number[] = []
    for (let number = last; number !== 0; number = this.#from[number] as number) path.unshift(number)
    let whole = this.#start()
    const lines = ['  start', shown(whole)]
    for (const number of path) {
      const [index, way] = [
        Math.floor((this.#way[number] as number) / ways),
        (this.#way[number] as number) % ways,
      ]
      const { name, steps } = this.#thread(index)
      const it = steps[whole.at[index] as number]
      lines.push(way === death ? `  ${name} dies before: ${it?.name}` : `  ${name}: ${it?.moves[way]?.name}`)
      whole = this.#go(whole, index, way)
      lines.push(shown(whole))
    }
    return lines.join('\n')
  }

  #thread(index: number): Thread<S> {
    return this.#model.threads[index] as Thread<S>
  }
}

/** Visits the states that lead to one. */
function reversed(
  edges: readonly number[],
  states: number,
): (to: number, visit: (from: number) => void) => void {
  const last = new Int32Array(states).fill(-1)
  const earlier = new Int32Array(edges.length / 2)
  for (let edge = 0; edge < earlier.length; edge++) {
    const to = edges[2 * edge + 1] as number
    earlier[edge] = last[to] as number
    last[to] = edge
  }
  return (to, visit) => {
    for (let edge = last[to] as number; edge !== -1; edge = earlier[edge] as number)
      visit(edges[2 * edge] as number)
  }
}

function shown({ shared, own }: Whole<unknown>): string {
  return `      ${JSON.stringify(shared)} own ${JSON.stringify(own)}`.replaceAll('"', '')
}

/**
 * Tells states apart: a byte a number, in the order of the fields, which a model never changes. An array begins with its
 * length. JSON would do, at five times the time.
 */
function keyOf({ shared, at, own }: Whole<unknown>): string {
  keyLength = 0
  append(shared)
  append(at)
  for (const it of own) append(it)
  return key.toString('latin1', 0, keyLength)
}

const key = Buffer.alloc(4096)
let keyLength = 0

function append(value: unknown): void {
  if (typeof value === 'number') appendByte(value + 8)
  else if (typeof value === 'boolean') appendByte(value ? 1 : 0)
  else if (typeof value === 'string') appendByte(codeOf(value))
  else if (Array.isArray(value)) {
    appendByte(value.length)
    for (let index = 0; index < value.length; index++) append(value[index])
  } else for (const field in value as object) append((value as Record<string, unknown>)[field])
}

function appendByte(value: number): void {
  if (!(value >= 0 && value < 256))
    throw new Error(`model: a number must be from -8 to 247, got ${value - 8}`)
  key[keyLength++] = value
}

const codes = new Map<string, number>()

function codeOf(text: string): number {
  const code = codes.get(text) ?? codes.size
  codes.set(text, code)
  return code
}

/** State is numbers, strings, booleans, arrays and plain objects: copied by hand, much faster than structuredClone. */
function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return (typeof value[0] === 'object' ? value.map(copy) : value.slice()) as T // of the same
  const result = { ...value } as Record<string, unknown>
  for (const field in result) if (typeof result[field] === 'object') result[field] = copy(result[field])
  return result as T // the same fields with the same kinds of values
}
