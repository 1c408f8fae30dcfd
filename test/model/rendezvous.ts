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
 * The unbuffered channel between threads. A sender posts an offer and parks; a receiver takes offers on its own thread.
 *
 * - An offer is a record: claim word, value, thread to ring. All offers of one select share the record. Who changes the
 *   claim word from `open` has decided what becomes of the select: the receiver, the close, the cancellation or a local case.
 * - A section under the channel's lock is one step here, since what it touches besides the claim word is touched under
 *   the lock alone. It changes at most one claim word.
 * - A claim is changed and the value read under the lock of a channel that the offer is linked in; the sender unlinks
 *   everywhere, under the locks, before it uses the record again.
 * - A receiver that finds nothing arms its bit, tries again, then sleeps; who posts looks at the bits afterwards.
 */
export interface Rendezvous {
  readonly channels: { offers: number[]; waiting: number; closed: boolean }[]
  /** Records, by thread of the sender. */
  readonly claims: Claim[]
  readonly values: number[]
  readonly bells: boolean[]
  /** Not in memory: by value sent what became of it, and how often it was received. */
  readonly outcomes: string[]
  readonly received: number[]
  readonly asleep: string[]
  wrong: string
}

type Claim = 'open' | 'taken' | 'withdrawn' | 'local' | 'closed'

export type Flaw =
  | 'no second try'
  | 'plain check of the claim'
  | 'claim outside the lock'
  | 'copy outside the lock'
  | 'taker does not ring'
  | 'closed is looked at before the lock'
  | 'close rings no receivers'
  | 'a lost offer ends the search'

/** One send, or select of sends; values are numbered from 1 over the whole model. */
export interface Send {
  readonly value: number
  readonly channels: readonly number[]
  /** May be canceled while it is parked. */
  readonly cancels?: boolean
  /** A local case may become ready while it is parked. */
  readonly local?: boolean
}

export interface Cast {
  readonly channels: number
  readonly senders: readonly (readonly Send[])[]
  /** By receiver the channel, and how many it takes. */
  readonly receivers: readonly { channel: number; count: number }[]
  readonly closes?: readonly number[]
  /** Arms, and collects the armed, in the section that looks: then no second try is needed. */
  readonly armsUnderLock?: boolean
  readonly flaw?: Flaw | undefined
}

interface Own {
  left: number
  post: number
  claim: Claim
  record: number
  value: number
  mask: number
  armed: boolean
  waited: boolean
}

export function rendezvous(cast: Cast): Model<Rendezvous> {
  const { channels, senders, receivers, closes = [], flaw } = cast
  const threads: Thread<Rendezvous>[] = [
    ...senders.map((sends, id) => sender(id, sends, cast)),
    ...receivers.map(({ channel, count }, index) => receiver(senders.length + index, channel, count, cast)),
    ...closes.map((channel) => closer(channel, flaw)),
  ]
  const most = Math.max(...senders.flat().map(({ value }) => value))
  return {
    initial: {
      channels: Array.from({ length: channels }, () => ({ offers: [], waiting: 0, closed: false })),
      claims: senders.map(() => 'open'),
      values: senders.map(() => 0),
      bells: threads.map(() => false),
      outcomes: Array.from({ length: most + 1 }, () => ''),
      received: Array.from({ length: most + 1 }, () => 0),
      asleep: threads.map(() => ''),
      wrong: '',
    },
    threads,
    invariant: ({ wrong }) => (wrong === '' ? undefined : wrong),
    final: atRest,
  }
}

/** Senders and receivers that nobody meets sleep at the end; so this says whether they rightly sleep. */
function atRest({ channels, claims, outcomes, received, asleep }: Rendezvous): Complaint {
  for (const [value, outcome] of outcomes.entries()) {
    if (value === 0) continue
    const times = received[value]
    if (outcome === 'taken' ? times !== 1 : times !== 0 && outcome !== '')
      return `${value} was ${outcome}, received ${times} times`
  }
  for (const [id, claim] of claims.entries()) {
    if (asleep[id] === 'sends' && claim !== 'open') return `a sender sleeps though it was ${claim}`
  }
  for (const [channel, { offers, closed }] of channels.entries()) {
    const sleeps = asleep.includes(`receives ${channel}`)
    if (sleeps && closed) return 'a receiver sleeps though the channel is closed'
    if (sleeps && offers.some((record) => claims[record] === 'open'))
      return 'a receiver sleeps though there is an offer'
    if (closed && offers.some((record) => claims[record] === 'open'))
      return 'a sender sleeps though the channel is closed'
  }
  return undefined
}

function sender(id: number, sends: readonly Send[], { armsUnderLock, flaw }: Cast): Thread<Rendezvous, Own> {
  const send = ({ left }: Own): Send => sends[sends.length - left] as Send
  const channel = (s: Rendezvous, me: Own) => s.channels[send(me).channels[me.post] as number]
  const collect = (s: Rendezvous, me: Own) => {
    const it = channel(s, me)
    me.mask = it?.waiting ?? 0
    if (it) it.waiting = 0
    me.post++
    return me.mask === 0 ? 'posted' : 'ring receivers'
  }
  const isLast = (me: Own) => me.post === send(me).channels.length
  const settle = (name: string, claim: Claim): Step<Rendezvous, Own> =>
    step(name, (s, me) => {
      if (s.claims[id] === 'open') s.claims[id] = claim
      me.claim = s.claims[id] as Claim
      me.post = 0
      return 'unlink'
    })
  return thread<Rendezvous, Own>(
    `sender ${id}`,
    variables(sends.length),
    [
      local('next', (_, me) => (me.left === 0 ? done : 'write record')),
      step('write record', (s, me) => {
        s.claims[id] = 'open'
        s.values[id] = send(me).value
        me.post = 0
        return flaw === 'closed is looked at before the lock' ? 'look at closed' : 'post'
      }),
      step('look at closed', (s, me) => (channel(s, me)?.closed ? 'CAS open to closed' : 'post')),
      step('post', (s, me) => {
        const it = channel(s, me)
        if (it?.closed && flaw !== 'closed is looked at before the lock') return 'CAS open to closed'
        it?.offers.push(id)
        return armsUnderLock ? collect(s, me) : undefined
      }),
      step('exchange waiting', (s, me) => collect(s, me)),
      step('ring receivers', ringAll),
      local('posted', (s, me) => {
        if (!isLast(me)) return 'post'
        me.post = 0
        s.asleep[id] = 'sends'
        return 'sleep'
      }),
      either(
        'sleep',
        when(
          'wake',
          (s) => s.bells[id] === true,
          (s) => {
            s.bells[id] = false
            return 'load claim'
          },
        ),
        when(
          'cancel',
          (_, me) => send(me).cancels === true,
          () => 'CAS open to withdrawn',
        ),
        when(
          'local case',
          (_, me) => send(me).local === true,
          () => 'CAS open to local',
        ),
      ),
      step('load claim', (s, me) => {
        me.claim = s.claims[id] as Claim
        return me.claim === 'open' ? 'sleep' : 'unlink'
      }),
      settle('CAS open to withdrawn', 'withdrawn'),
      settle('CAS open to local', 'local'),
      settle('CAS open to closed', 'closed'),
      step('unlink', (s, me) => {
        s.asleep[id] = ''
        const offers = channel(s, me)?.offers ?? []
        if (offers.includes(id)) offers.splice(offers.indexOf(id), 1)
        me.post++
        return isLast(me) ? 'settled' : 'unlink'
      }),
      local('settled', (s, me) => {
        s.outcomes[send(me).value] = me.claim
        me.left--
        me.post = 0
        me.claim = 'open'
        return 'next'
      }),
    ],
    { serves: true },
  )
}

function receiver(
  id: number,
  index: number,
  count: number,
  { armsUnderLock, flaw }: Cast,
): Thread<Rendezvous, Own> {
  const channel = (s: Rendezvous) => s.channels[index] as Rendezvous['channels'][number]
  const plain = flaw === 'plain check of the claim'
  return thread<Rendezvous, Own>(
    `receiver ${id}`,
    variables(count),
    [
      local('next', (_, me) => (me.left === 0 ? done : 'take')),
      step('take', (s, me) => {
        const { closed, offers } = channel(s)
        if (closed) return 'leave'
        const record = offers.shift()
        if (record === undefined && armsUnderLock) {
          channel(s).waiting |= 1 << id
          me.waited = true
          return 'fall asleep'
        }
        if (record === undefined) return me.armed ? 'fall asleep' : 'arm'
        me.record = record
        if (flaw === 'claim outside the lock') return 'CAS claim'
        if (s.claims[record] !== 'open')
          return flaw === 'a lost offer ends the search' ? 'fall asleep' : 'take'
        if (plain) return 'store claim'
        s.claims[record] = 'taken'
        if (flaw === 'copy outside the lock') return 'copy'
        receive(s, record, index)
        return 'ring the sender'
      }),
      step('CAS claim', (s, me) => {
        if (s.claims[me.record] !== 'open') return 'take'
        s.claims[me.record] = 'taken'
        receive(s, me.record, index)
        return 'ring the sender'
      }),
      step('store claim', (s, me) => {
        s.claims[me.record] = 'taken'
        receive(s, me.record, index)
        return 'ring the sender'
      }),
      step('copy', (s, me) => receive(s, me.record, index)),
      step('ring the sender', (s, me) => {
        if (flaw !== 'taker does not ring') s.bells[me.record] = true
        me.record = 0
        me.left--
        return me.waited ? 'disarm' : 'next'
      }),
      step('disarm', (s, me) => {
        channel(s).waiting &= ~(1 << id)
        me.waited = false
        me.armed = false
        return 'next'
      }),
      step('arm', (s, me) => {
        channel(s).waiting |= 1 << id
        me.armed = true
        me.waited = true
        return flaw === 'no second try' ? 'fall asleep' : 'take'
      }),
      local('fall asleep', (s, me) => {
        s.asleep[id] = `receives ${index}`
        me.record = 0
      }),
      when(
        'sleep',
        (s) => s.bells[id] === true,
        (s, me) => {
          s.bells[id] = false
          s.asleep[id] = ''
          me.armed = false
          return 'take'
        },
      ),
      local('leave', () => done),
    ],
    { serves: true },
  )
}

function closer(index: number, flaw: Flaw | undefined): Thread<Rendezvous, Own> {
  const channel = (s: Rendezvous) => s.channels[index] as Rendezvous['channels'][number]
  return thread<Rendezvous, Own>('closer', variables(0), [
    step('close', (s) => {
      channel(s).closed = true
    }),
    step('fail an offer', (s, me) => {
      const record = channel(s).offers.shift()
      if (record === undefined) return 'exchange waiting'
      if (s.claims[record] !== 'open') return 'fail an offer'
      s.claims[record] = 'closed'
      me.record = record
      return undefined
    }),
    step('ring the sender', (s, me) => {
      s.bells[me.record] = true
      me.record = 0
      return 'fail an offer'
    }),
    step('exchange waiting', (s, me) => {
      if (flaw === 'close rings no receivers') return done
      me.mask = channel(s).waiting
      channel(s).waiting = 0
      return undefined
    }),
    step('ring receivers', ringAll),
  ])
}

/** What a receiver got: judged by what it should have been. */
function receive(s: Rendezvous, record: number, channel: number): void {
  const value = s.values[record] as number
  if (Math.floor(value / 4) !== channel && value >= 4)
    s.wrong = `${value} was received from channel ${channel}`
  if (s.received[value] !== 0) s.wrong = `${value} was received twice`
  if (s.outcomes[value] !== '' && s.outcomes[value] !== 'taken')
    s.wrong = `${value} was ${s.outcomes[value]}, and received`
  s.received[value] = 1
}

function ringAll(s: Rendezvous, me: Own): void {
  for (const id of s.bells.keys()) if (me.mask & (1 << id)) s.bells[id] = true
  me.mask = 0
}

function variables(left: number): Own {
  return { left, post: 0, claim: 'open', record: 0, value: 0, mask: 0, armed: false, waited: false }
}
