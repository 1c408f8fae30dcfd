import {
  type Complaint,
  done,
  either,
  local,
  type Model,
  type Step,
  step,
  type Thread,
  thread,
  when,
} from './explorer.js'

/**
 * The local run queue, after runqput, runqputslow, runqget, runqgrab and runqsteal of Go's runtime/proc.go.
 *
 * - `head` is moved by whoever takes, with CAS; `tail` by the owner alone, after it wrote the entry. Both only ever grow.
 * - An entry is a hint: who takes it must still win the slot, by CAS of its state from `queued`. So it does no harm that
 *   an entry is there twice, which is how the work of a dead thread is saved: all slots still queued are queued again.
 */
export interface Queues {
  readonly procs: Proc[]
  readonly global: number[]
  /** By slot, from 1 on. */
  readonly slots: State[]
  deaths: number
  /** Not in memory: how often each slot ran, what each ring has published, and a fault. */
  readonly ran: number[]
  readonly published: number[][]
  wrong: string
}

type State = 'free' | 'queued' | 'running' | 'running on the dead' | 'done' | 'failed'

interface Proc {
  head: number
  tail: number
  runnext: number
  readonly ring: number[]
}

export type Flaw =
  | 'tail before the entry'
  | 'tail before head'
  | 'head is stored, not exchanged'
  | 'entries are read after the CAS'
  | 'runnext is stored, not exchanged'
  | 'runs without winning the slot'
  | 'nothing is recovered'

export interface Cast {
  readonly ring: number
  /** How many tasks the owner submits; each, unless `plain`, by way of runnext. */
  readonly tasks: number
  readonly thieves: number
  readonly plain?: boolean
  /** Whether the first thief, or the owner, may be killed anywhere. */
  readonly mortal?: 'thief' | 'owner'
  readonly flaw?: Flaw | undefined
}

interface Own {
  next: number
  slot: number
  head: number
  tail: number
  count: number
  batch: number[]
  runs: boolean
}

export function runQueue(cast: Cast): Model<Queues> {
  const { ring, tasks, thieves, mortal } = cast
  const threads = [
    owner(cast),
    ...Array.from({ length: thieves }, (_, index) =>
      thief(index + 1, mortal === 'thief' && index === 0, cast),
    ),
  ]
  if (mortal !== undefined) threads.push(recovery(cast))
  return {
    initial: {
      procs: Array.from({ length: thieves + 1 }, () => ({
        head: 0,
        tail: 0,
        runnext: 0,
        ring: Array(ring).fill(0),
      })),
      global: [],
      slots: ['free', ...Array.from({ length: tasks }, (): State => 'free')],
      deaths: 0,
      ran: Array(tasks + 1).fill(0),
      published: Array.from({ length: thieves + 1 }, () => []),
      wrong: '',
    },
    threads,
    invariant: (queues) => (queues.wrong === '' ? isSound(queues, ring) : queues.wrong),
    final: isComplete,
  }
}

/** Every task ran once, or was on the thread that died. */
function isComplete({ slots, ran }: Queues): Complaint {
  for (const [slot, state] of slots.entries()) {
    if (state === 'queued') return `slot ${slot} was lost`
    if (ran[slot] !== (state === 'done' ? 1 : 0)) return `slot ${slot} is ${state}, ran ${ran[slot]} times`
  }
  return undefined
}

/** No entry between head and tail is ever overwritten. */
function isSound({ procs, published }: Queues, ring: number): Complaint {
  for (const [id, { head, tail, ring: entries }] of procs.entries()) {
    if (tail - head > ring || tail < head) return `ring ${id} is from ${head} to ${tail}`
    for (let at = head; at < tail; at++) {
      if (entries[at % ring] !== published[id]?.[at]) return `ring ${id} was overwritten at ${at}`
    }
  }
  return undefined
}

/** Submits its tasks, then runs what it finds. */
function owner({ tasks, ring, plain, mortal, flaw }: Cast): Thread<Queues, Own> {
  const mine = (s: Queues) => s.procs[0] as Proc
  return thread<Queues, Own>(
    'owner',
    variables(),
    [
      local('next', (_, me) => (me.next === tasks ? 'get: load runnext' : 'submit')),
      step('submit', (s, me) => {
        me.next++
        me.slot = me.next
        s.slots[me.slot] = 'queued'
        return plain ? 'put: load head' : 'put: load runnext'
      }),

      // runqput
      step('put: load runnext', (s, me) => {
        me.head = mine(s).runnext
      }),
      step('put: CAS runnext', (s, me) => {
        const proc = mine(s)
        if (proc.runnext !== me.head && flaw !== 'runnext is stored, not exchanged')
          return 'put: load runnext'
        proc.runnext = me.slot
        me.slot = me.head // the old one is kicked out to the queue
        me.head = 0
        return me.slot === 0 ? 'next' : 'put: load head'
      }),
      step('put: load head', (s, me) => {
        me.head = mine(s).head
        me.tail = mine(s).tail // its own
        if (me.tail - me.head >= ring) return 'put slow: read half'
        return flaw === 'tail before the entry' ? 'put: store tail' : 'put: write entry'
      }),
      step('put: write entry', (s, me) => {
        mine(s).ring[me.tail % ring] = me.slot
        return flaw === 'tail before the entry' ? clear(me) : 'put: store tail'
      }),
      step('put: store tail', (s, me) => {
        publish(s, 0, me.tail, me.slot)
        mine(s).tail = me.tail + 1
        return flaw === 'tail before the entry' ? 'put: write entry' : clear(me)
      }),

      // runqputslow: half of the ring, and the new one, to the global queue
      step('put slow: read half', (s, me) => {
        me.count = Math.floor((me.tail - me.head) / 2)
        me.batch = read(mine(s), me.head, me.count)
      }),
      step('put slow: CAS head', (s, me) => {
        if (mine(s).head !== me.head) return 'put: load head'
        mine(s).head += me.count
        return undefined
      }),
      step('put slow: push to global', (s, me) => {
        s.global.push(...me.batch, me.slot)
        return clear(me)
      }),

      // runqget
      step('get: load runnext', (s, me) => {
        me.slot = mine(s).runnext
        return me.slot === 0 ? 'get: load head' : 'get: CAS runnext'
      }),
      step('get: CAS runnext', (s, me) => {
        if (mine(s).runnext !== me.slot) return 'get: load runnext'
        mine(s).runnext = 0
        return 'claim'
      }),
      step('get: load head', (s, me) => {
        me.head = mine(s).head
        me.tail = mine(s).tail
        me.slot = 0
        return me.head === me.tail ? 'get: pop global' : undefined
      }),
      step('get: read entry', (s, me) => {
        me.slot = mine(s).ring[me.head % ring] as number
      }),
      step('get: CAS head', (s, me) => {
        if (mine(s).head !== me.head && flaw !== 'head is stored, not exchanged') return 'get: load head'
        mine(s).head = me.head + 1
        return 'claim'
      }),
      step('get: pop global', (s, me) => {
        me.slot = s.global.shift() ?? 0
        return me.slot === 0 ? 'idle' : 'claim'
      }),
      ...run('get: load runnext', mortal !== undefined, flaw),
      // To park: it is rung when there is something in the global queue.
      when(
        'idle',
        (s) => s.global.length > 0,
        () => 'get: pop global',
      ),
    ],
    { serves: true, ...mortality(mortal === 'owner') },
  )
}

/** Steals half of the owner's queue and runs it, until it finds nothing; then it takes from the global queue alone. */
function thief(id: number, mortal: boolean, { ring, mortal: who, flaw }: Cast): Thread<Queues, Own> {
  const anyDies = who !== undefined
  const victim = (s: Queues) => s.procs[0] as Proc
  const mine = (s: Queues) => s.procs[id] as Proc
  return thread<Queues, Own>(
    `thief ${id}`,
    variables(),
    [
      // What may steal has an empty queue of its own; so its ring has room, for no more than half is taken.
      either(
        'steal',
        step('now', () => (flaw === 'tail before head' ? 'grab: load tail' : 'grab: load head')),
        when(
          'from global',
          (s) => s.global.length > 0,
          (s, me) => {
            me.slot = s.global.shift() ?? 0
            return 'claim'
          },
        ),
      ),
      // runqgrab
      step('grab: load head', (s, me) => {
        me.head = victim(s).head
        return flaw === 'tail before head' ? 'grab: count' : 'grab: load tail'
      }),
      step('grab: load tail', (s, me) => {
        me.tail = victim(s).tail
        return flaw === 'tail before head' ? 'grab: load head' : 'grab: count'
      }),
      local('grab: count', (s, me) => {
        const size = me.tail - me.head
        me.count = size - Math.floor(size / 2)
        if (size < 0) s.wrong = `a queue of ${size}`
        if (me.count === 0) return 'grab: load runnext'
        if (me.count > ring / 2) return 'steal' // head is old, tail is new
        return flaw === 'entries are read after the CAS' ? 'grab: CAS head' : 'grab: copy entry'
      }),
      // One entry a step; they lie beyond its own tail, where nobody looks.
      step('grab: copy entry', (s, me) => {
        const at = me.batch.length
        me.batch.push(victim(s).ring[(me.head + at) % ring] as number)
        mine(s).ring[(mine(s).tail + at) % ring] = me.batch[at] as number
        if (me.batch.length < me.count) return 'grab: copy entry'
        return flaw === 'entries are read after the CAS' ? 'steal: take the last' : 'grab: CAS head'
      }),
      step('grab: CAS head', (s, me) => {
        if (victim(s).head !== me.head) {
          clear(me)
          return 'steal'
        }
        victim(s).head = me.head + me.count
        return flaw === 'entries are read after the CAS' ? 'grab: copy entry' : 'steal: take the last'
      }),
      // The last resort
      step('grab: load runnext', (s, me) => {
        me.slot = victim(s).runnext
        return me.slot === 0 ? 'nothing' : undefined
      }),
      step('grab: CAS runnext', (s, me) => {
        if (victim(s).runnext !== me.slot) {
          clear(me)
          return 'steal'
        }
        victim(s).runnext = 0
        return 'claim'
      }),
      // runqsteal: runs the last one itself, the others it publishes.
      local('steal: take the last', (s, me) => {
        me.slot = me.batch[me.count - 1] as number
        const { tail } = mine(s)
        if (me.count === 1) return 'claim'
        for (let at = 0; at < me.count - 1; at++) publish(s, id, tail + at, me.batch[at] as number)
        return 'steal: store tail'
      }),
      step('steal: store tail', (s, me) => {
        mine(s).tail += me.count - 1
        return 'claim'
      }),
      ...run('get: load head', anyDies, flaw),

      // runqget of its own
      step('get: load head', (s, me) => {
        clear(me)
        me.head = mine(s).head
        return me.head === mine(s).tail ? 'steal' : undefined
      }),
      step('get: CAS head', (s, me) => {
        if (mine(s).head !== me.head) return 'get: load head'
        me.slot = mine(s).ring[me.head % ring] as number // nobody else writes there, and only it moves this head
        mine(s).head++
        return 'claim'
      }),
      local('nothing', (_, me) => {
        clear(me)
        return 'idle'
      }),
      // It parks; to be rung again for the global queue is enough here.
      when(
        'idle',
        (s) => s.global.length > 0,
        (s, me) => {
          me.slot = s.global.shift() ?? 0
          return 'claim'
        },
      ),
    ],
    { serves: true, ...mortality(mortal) },
  )
}

/** What a thread does with an entry that it took. Unless somebody dies, the entry is there once and so it wins. */
function run(next: string, mayLose: boolean, flaw: Flaw | undefined): Step<Queues, Own>[] {
  return [
    step('claim', (s, me) => {
      if (me.slot === 0) s.wrong = 'took an entry that is none'
      if (s.slots[me.slot] !== 'queued' && !mayLose) s.wrong = `slot ${me.slot} was taken twice`
      if (s.slots[me.slot] !== 'queued' && flaw !== 'runs without winning the slot') {
        clear(me)
        return next
      }
      s.slots[me.slot] = 'running'
      me.runs = true
      return undefined
    }),
    step('run', (s, me) => {
      s.ran[me.slot] = (s.ran[me.slot] as number) + 1
      s.slots[me.slot] = 'done'
      clear(me)
      return next
    }),
  ]
}

/** One thread may die, once; what it ran is seen by the machine's number in the slot. */
function mortality(mortal: boolean) {
  return {
    mayDie: ({ deaths }: Queues) => mortal && deaths === 0,
    onDeath: (s: Queues, me: Own) => {
      s.deaths = 1
      if (me.runs) s.slots[me.slot] = 'running on the dead'
    },
  }
}

/** Looks after what a dead thread left: slot by slot. */
function recovery({ tasks, flaw }: Cast): Thread<Queues, Own> {
  return thread<Queues, Own>(
    'recovery',
    variables(),
    [
      when(
        'see a death',
        (s) => s.deaths > 0,
        (_, me) => {
          me.next = 1
          return flaw === 'nothing is recovered' ? done : undefined
        },
      ),
      step('load slot', (s, me) => {
        const state = s.slots[me.next]
        if (state === 'queued') return 'push to global'
        if (state === 'running on the dead') s.slots[me.next] = 'failed'
        return 'on'
      }),
      step('push to global', (s, me) => {
        s.global.push(me.next)
      }),
      local('on', (_, me) => {
        me.next++
        return me.next <= tasks ? 'load slot' : done
      }),
    ],
    { serves: true },
  )
}

function publish(s: Queues, id: number, at: number, slot: number): void {
  const list = s.published[id] as number[]
  list[at] = slot
}

function read({ ring }: Proc, head: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => ring[(head + at) % ring.length] as number)
}

function clear(me: Own): string {
  me.slot = 0
  me.head = 0
  me.tail = 0
  me.count = 0
  me.batch = []
  me.runs = false
  return 'next'
}

function variables(): Own {
  return { next: 0, slot: 0, head: 0, tail: 0, count: 0, batch: [], runs: false }
}
