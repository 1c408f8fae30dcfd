import { type Complaint, done, type Model, type Step, step, type Thread, thread, when } from './explorer.js'

/**
 * Selects that both send on one unbuffered channel and receive from others, each on its own thread. To receive, such a
 * select has to decide two claim words at once, its own and the offer's, and there is no compare-exchange for two.
 *
 * Its own becomes `busy` first, which is undecided: nobody may take the offer now, nor drop it from the list. Then it
 * tries the other's; on success its own becomes `received`, else `open` again. Of two that find each other busy, the one
 * on the thread with the higher number steps back, and the other waits for that: so no circle of waiting forms.
 */
export interface Mixed {
  readonly claims: Claim[]
  /** By channel the offer that is posted there, or none; the channel's number is that of the thread that sends on it. */
  readonly offers: boolean[]
  readonly waiting: number[]
  readonly bells: boolean[]
  /** Not in memory: by thread whose value it received; 9 for none. */
  readonly got: number[]
  readonly asleep: boolean[]
}

type Claim = 'open' | 'busy' | 'taken' | 'received'

export type Flaw =
  | 'own claim is final at once'
  | 'busy is taken for lost'
  | 'nobody steps back'
  | 'own claim after the other'

interface Own {
  mask: number
  armed: boolean
}

const nobody = 9

/** A ring of selects: each sends on its own channel, or receives from the next one's. */
export function mixedSelects(count: number, flaw?: Flaw): Model<Mixed> {
  const ids = Array.from({ length: count }, (_, id) => id)
  return {
    initial: {
      claims: ids.map(() => 'open'),
      offers: ids.map(() => false),
      waiting: ids.map(() => 0),
      bells: ids.map(() => false),
      got: ids.map(() => nobody),
      asleep: ids.map(() => false),
    },
    threads: ids.map((id) => select(id, (id + 1) % count, flaw)),
    invariant: atOnce,
    final: ({ claims, asleep }) => {
      for (const id of ids) {
        const other = (id + 1) % count
        if (asleep[id] && asleep[other] && claims[id] === 'open' && claims[other] === 'open')
          return 'two sleep that could meet'
        if (asleep[id] && claims[id] !== 'open') return `one sleeps though it was ${claims[id]}`
      }
      return undefined
    },
  }
}

/** Exactly one case of each: who received has not also sent. */
function atOnce({ got, claims }: Mixed): Complaint {
  for (const [id, from] of got.entries()) {
    if (from === nobody) continue
    if (claims[from] !== 'taken') return `the value of ${from} was received, and it is ${claims[from]}`
    if (claims[id] === 'taken') return `${id} received and sent`
    if (got.filter((it) => it === from).length > 1) return `the value of ${from} was received twice`
  }
  return undefined
}

function select(id: number, other: number, flaw: Flaw | undefined): Thread<Mixed, Own> {
  const swap = (s: Mixed, at: number, from: Claim, to: Claim): boolean => {
    if (s.claims[at] !== from) return false
    s.claims[at] = to
    return true
  }
  const steps: Step<Mixed, Own>[] = [
    step('post', (s) => {
      s.offers[id] = true
    }),
    step('exchange waiting', (s, me) => {
      me.mask = s.waiting[id] as number
      s.waiting[id] = 0
    }),
    step('ring receivers', (s, me) => {
      for (const it of s.bells.keys()) if (me.mask & (1 << it)) s.bells[it] = true
      me.mask = 0
    }),
    step('is there an offer', (s, me) => {
      if (s.offers[other])
        return flaw === 'own claim after the other' ? 'CAS other first' : 'CAS own open to busy'
      return me.armed ? 'load claim' : 'arm'
    }),
    step('CAS own open to busy', (s) =>
      swap(s, id, 'open', flaw === 'own claim is final at once' ? 'received' : 'busy') ? undefined : 'unlink',
    ),
    step('CAS other open to taken', (s, me) => {
      if (swap(s, other, 'open', 'taken')) {
        s.offers[other] = false
        s.got[id] = other
        return 'store own received'
      }
      if (s.claims[other] !== 'busy') s.offers[other] = false
      else if (flaw === 'busy is taken for lost') s.offers[other] = false
      else if (id < other || flaw === 'nobody steps back') return 'CAS other open to taken'
      me.armed = false
      return 'store own open'
    }),
    step('store own open', (s) => {
      s.claims[id] = 'open'
      return 'is there an offer'
    }),
    step('store own received', (s) => {
      s.claims[id] = 'received'
      return 'ring the sender'
    }),
    step('CAS other first', (s, me) => {
      me.armed = false
      s.offers[other] = false
      if (!swap(s, other, 'open', 'taken')) return 'is there an offer'
      s.got[id] = other
      return 'CAS own last'
    }),
    step('CAS own last', (s) => (swap(s, id, 'open', 'received') ? 'ring the sender' : 'unlink')),
    step('ring the sender', (s) => {
      s.bells[other] = true
      return 'unlink'
    }),
    step('arm', (s, me) => {
      s.waiting[other] = (s.waiting[other] as number) | (1 << id)
      me.armed = true
      return 'is there an offer'
    }),
    step('load claim', (s) => {
      if (s.claims[id] !== 'open') return 'unlink'
      s.asleep[id] = true
      return 'sleep'
    }),
    when(
      'sleep',
      (s) => s.bells[id] === true,
      (s, me) => {
        s.bells[id] = false
        s.asleep[id] = false
        me.armed = false
        return 'is there an offer'
      },
    ),
    step('unlink', (s) => {
      s.offers[id] = false
      return done
    }),
  ]
  return thread<Mixed, Own>(`select ${id}`, { mask: 0, armed: false }, steps, { serves: true })
}
