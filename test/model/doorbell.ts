import { local, type Model, type Step, step, type Thread, thread, when } from './explorer.js'

/**
 * How a thread goes to sleep and is woken: a word that is `parked` while it sleeps or is about to, and a futex on it.
 * The sleeper says that it parks before it looks for work the last time; the waker publishes before it looks at the word.
 */
export interface Doorbell {
  state: 'awake' | 'parked'
  work: number
  /** In the futex: until somebody notifies, whatever the word says. */
  asleep: boolean
  /** Not in memory. */
  parks: number
  notifies: number
  wokenWhileParked: boolean
}

export type Flaw = 'no second look' | 'wait does not compare' | 'wakers store' | 'look before publishing'

export function doorbell(wakers: number, flaw?: Flaw): Model<Doorbell> {
  return {
    initial: { state: 'awake', work: 0, asleep: false, parks: 0, notifies: 0, wokenWhileParked: false },
    threads: [sleeper(flaw), ...Array.from({ length: wakers }, (_, id) => waker(`waker ${id}`, flaw))],
    invariant: ({ notifies, parks }) =>
      notifies <= parks ? undefined : `${notifies} notifies for ${parks} parks`,
    final: ({ work, asleep }) => (work > 0 && asleep ? 'sleeps though there is work' : undefined),
  }
}

function sleeper(flaw: Flaw | undefined): Thread<Doorbell> {
  return thread<Doorbell, object>(
    'sleeper',
    {},
    [
      step('take work', (s) => {
        if (s.work === 0) return 'store parked'
        s.work--
        return 'take work'
      }),
      step('store parked', (s) => {
        s.state = 'parked'
        s.parks++
        return flaw === 'no second look' ? 'wait' : 'look again'
      }),
      step('look again', (s) => (s.work > 0 ? 'CAS parked to awake' : 'wait')),
      step('CAS parked to awake', (s) => {
        if (s.state === 'parked') s.state = 'awake' // else a waker did it, whose notify comes late
        return 'take work'
      }),
      step('wait', (s) => {
        if (s.state !== 'parked' && flaw !== 'wait does not compare') return 'take work'
        s.asleep = true
        return 'asleep'
      }),
      when(
        'asleep',
        (s) => !s.asleep,
        () => 'load state',
      ),
      step('load state', (s) => {
        if (s.state !== 'parked') return 'take work'
        s.wokenWhileParked = true
        return 'wait'
      }),
    ],
    { serves: true },
  )
}

function waker(name: string, flaw: Flaw | undefined): Thread<Doorbell> {
  const publish = (s: Doorbell) => {
    s.work++
  }
  const early = flaw === 'look before publishing'
  return thread<Doorbell, { state: string }>(name, { state: '' }, [
    step('publish', early ? () => undefined : publish),
    step('load state', (s, me) => {
      me.state = s.state
    }),
    step('publish late', early ? publish : () => undefined),
    local('parked?', (_, me) => (me.state === 'parked' ? undefined : 'end')),
    step('CAS parked to awake', (s) => {
      if (s.state !== 'parked' && flaw !== 'wakers store') return 'end'
      s.state = 'awake'
      return undefined
    }),
    step('notify', (s) => {
      s.asleep = false
      s.notifies++
    }),
    local('end', () => undefined),
  ])
}

/**
 * The same for several workers of which any can do the work, after Go's findRunnable and wakep: nobody is woken while a
 * worker spins, for a spinner will find the work; when it does and was the last, it wakes the next.
 *
 * `spinning` must never be more than there are spinners: then a submitter that sees one may rely on it. So a waker first
 * takes a parked worker, by CAS of its state, and counts it afterwards. The count may so be negative for a moment: what is
 * asked is whether it is above 0. Go counts first; that is right under its lock
 * of the idle list alone, see the flaw.
 */
export interface Workers {
  queue: number
  spinning: number
  readonly states: ('awake' | 'spinning' | 'parked')[]
  readonly asleep: boolean[]
}

export type SpinFlaw =
  | 'no second look'
  | 'look before giving up'
  | 'last spinner wakes nobody'
  | 'counted before it is taken'

interface Own {
  left: number
  spins: boolean
  chosen: number
}

/** @param tasks by worker: how many tasks it runs; the last one takes it for ever. @param submits by submitter. */
export function spinning(
  tasks: readonly number[],
  submits: readonly number[],
  flaw?: SpinFlaw,
): Model<Workers> {
  return {
    initial: {
      queue: 0,
      spinning: 0,
      states: tasks.map(() => 'awake'),
      asleep: tasks.map(() => false),
    },
    threads: [
      ...tasks.map((count, id) => worker(id, count, tasks.length, flaw)),
      ...submits.map((count, id) => submitter(id, count, tasks.length, flaw)),
    ],
    final: ({ queue, asleep }) =>
      queue > 0 && asleep.includes(true) ? 'a worker sleeps though there is work' : undefined,
  }
}

function worker(id: number, count: number, workers: number, flaw: SpinFlaw | undefined): Thread<Workers> {
  const early = flaw === 'look before giving up'
  return thread<Workers, Own>(
    `worker ${id}`,
    { left: count, spins: false, chosen: 0 },
    [
      step('take work', (s, me) => {
        if (s.queue === 0) return me.spins ? 'store parked' : 'add spinning'
        s.queue--
        me.left--
        return me.spins ? 'found: subtract spinning' : 'run'
      }),
      step('found: subtract spinning', (s, me) => {
        me.spins = false
        s.spinning--
        return flaw === 'last spinner wakes nobody' ? 'run' : 'wake one: load spinning'
      }),
      ...wakeOne(workers, flaw, 'run'),
      local('run', (_, me) => (me.left === 0 ? 'busy for ever' : 'take work')),
      step('add spinning', (s, me) => {
        s.spinning++
        me.spins = true
        s.states[id] = 'spinning' // its own, not looked at but for parked
        return 'take work'
      }),

      step('store parked', (s) => {
        s.states[id] = 'parked'
        return early ? 'look again' : 'give up: subtract spinning'
      }),
      step('give up: subtract spinning', (s, me) => {
        s.spinning--
        me.spins = false
        return early || flaw === 'no second look' ? 'wait' : 'look again'
      }),
      step('look again', (s) => {
        if (s.queue > 0) return 'CAS parked to spinning'
        return early ? 'give up: subtract spinning' : 'wait'
      }),
      step('CAS parked to spinning', (s, me) => {
        const counted = early || s.states[id] !== 'parked' // by the waker that took it
        s.states[id] = 'spinning'
        me.spins = true
        return counted ? 'take work' : 'add spinning'
      }),
      step('wait', (s) => {
        if (s.states[id] !== 'parked') return 'woken'
        s.asleep[id] = true
        return undefined
      }),
      when(
        'asleep',
        (s) => !s.asleep[id],
        () => undefined,
      ),
      step('load state', (s) => (s.states[id] === 'parked' ? 'wait' : 'woken')),
      local('woken', (_, me) => {
        me.spins = true
        return 'take work'
      }),
      when(
        'busy for ever',
        () => false,
        () => undefined,
      ),
    ],
    { serves: true },
  )
}

function submitter(id: number, count: number, workers: number, flaw: SpinFlaw | undefined): Thread<Workers> {
  return thread<Workers, Own>(`submitter ${id}`, { left: count, spins: false, chosen: 0 }, [
    step('push', (s, me) => {
      s.queue++
      me.left--
    }),
    ...wakeOne(workers, flaw, 'next'),
    local('next', (_, me) => (me.left > 0 ? 'push' : 'end')),
    local('end', () => undefined),
  ])
}

function wakeOne(workers: number, flaw: SpinFlaw | undefined, next: string): Step<Workers, Own>[] {
  const early = flaw === 'counted before it is taken'
  return [
    step('wake one: load spinning', (s) => {
      if (s.spinning > 0) return next
      return early ? 'wake one: CAS spinning' : 'wake one: CAS parked to spinning'
    }),
    step('wake one: CAS spinning', (s) => {
      if (s.spinning !== 0) return next
      s.spinning = 1
      return undefined
    }),
    step('wake one: CAS parked to spinning', (s, me) => {
      if (s.states[me.chosen] !== 'parked') {
        me.chosen++
        if (me.chosen < workers) return 'wake one: CAS parked to spinning'
        me.chosen = 0
        return early ? 'wake one: subtract spinning' : next
      }
      s.states[me.chosen] = 'spinning'
      return early ? 'wake one: notify' : 'wake one: add spinning'
    }),
    step('wake one: add spinning', (s) => {
      s.spinning++
    }),
    step('wake one: notify', (s, me) => {
      s.asleep[me.chosen] = false
      me.chosen = 0
      return next
    }),
    step('wake one: subtract spinning', (s) => {
      s.spinning--
      return next
    }),
  ]
}
