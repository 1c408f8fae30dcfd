import { done, either, local, type Model, type Step, step, type Thread, thread, when } from './explorer.js'

/**
 * The buffered channel between threads once more, under the channel's spin lock: an attempt, arming the bit and choosing
 * whom to ring are one section, so one step here. Compare buffered-channel.ts: no second try, no sequence numbers, any
 * capacity, and a thread that dies leaves the ring whole, since one store of head or tail commits.
 *
 * What stays: each value rings one, so who leaves without one, canceled or by another case of a select, rings the next
 * when something is left. A thread may die after its section and before it rings; so a death rings everybody.
 */
export interface LockedChannel {
  readonly values: number[]
  closed: boolean
  receivers: number
  senders: number
  readonly bells: boolean[]
  deaths: number
  /** Not in memory. */
  readonly sent: number[]
  readonly received: number[]
  readonly asleep: string[]
}

export type Flaw = 'canceled keeps the ring' | 'close rings nobody' | 'death rings nobody'

export interface Cast {
  readonly capacity: number
  readonly senders: readonly number[]
  readonly receivers: readonly number[]
  readonly fickle?: readonly number[]
  readonly closes?: boolean
  /** Whether the first sender may be killed anywhere. */
  readonly mortal?: boolean
  readonly flaw?: Flaw | undefined
}

interface Own {
  left: number
  /** Threads to ring. */
  rings: number
}

export function lockedChannel(cast: Cast): Model<LockedChannel> {
  const { capacity, senders, receivers, closes, mortal } = cast
  const threads: Thread<LockedChannel>[] = [
    ...senders.map((count, id) => sender(id, count, cast)),
    ...receivers.map((count, index) => receiver(senders.length + index, count, index, cast)),
  ]
  if (closes) threads.push(closer(cast))
  if (mortal) threads.push(recovery(cast))
  return {
    initial: {
      values: [],
      closed: false,
      receivers: 0,
      senders: 0,
      bells: threads.map(() => false),
      deaths: 0,
      sent: [],
      received: [],
      asleep: threads.map(() => ''),
    },
    threads,
    invariant: ({ received, sent }) =>
      received.some((value, at) => value !== sent[at]) ? `sent ${sent}, received ${received}` : undefined,
    final: ({ values, closed, asleep }) => {
      if (asleep.includes('receives') && values.length > 0) return 'a receiver sleeps though there is a value'
      if (asleep.includes('receives') && closed) return 'a receiver sleeps though the channel is closed'
      const idle = asleep.includes('sends') && (values.length < capacity || closed)
      return idle ? 'a sender sleeps though it could go on' : undefined
    },
  }
}

function sender(id: number, count: number, { capacity, mortal }: Cast): Thread<LockedChannel, Own> {
  return thread<LockedChannel, Own>(
    `sender ${id}`,
    { left: count, rings: 0 },
    [
      local('next', (_, me) => (me.left === 0 ? done : 'send')),
      step('send', (s, me) => {
        if (s.closed) return done
        if (s.values.length === capacity) {
          s.senders |= 1 << id
          s.asleep[id] = 'sends'
          return 'sleep'
        }
        s.values.push(10 * (id + 1) + me.left)
        s.sent.push(10 * (id + 1) + me.left)
        s.senders &= ~(1 << id)
        choose(s, me, 'receivers')
        me.left--
        return 'ring'
      }),
      ...ring('next'),
      when('sleep', (s) => s.bells[id] === true, woken(id, 'send')),
    ],
    {
      serves: true,
      mayDie: ({ deaths }) => mortal === true && id === 0 && deaths === 0,
      onDeath: (s) => {
        s.deaths = 1
        s.asleep[id] = ''
      },
    },
  )
}

function receiver(
  id: number,
  count: number,
  index: number,
  { fickle, flaw }: Cast,
): Thread<LockedChannel, Own> {
  const giveUp = step<LockedChannel, Own>('give up', (s, me) => {
    s.asleep[id] = ''
    me.left = 0
    s.receivers &= ~(1 << id)
    if (flaw !== 'canceled keeps the ring' && s.values.length > 0) choose(s, me, 'receivers')
    return 'ring'
  })
  return thread<LockedChannel, Own>(
    `receiver ${id}`,
    { left: count, rings: 0 },
    [
      local('next', (_, me) => (me.left === 0 ? done : 'receive')),
      step('receive', (s, me) => {
        const value = s.values.shift()
        if (value === undefined && !s.closed) {
          s.receivers |= 1 << id
          s.asleep[id] = 'receives'
          return 'sleep'
        }
        s.receivers &= ~(1 << id)
        if (value !== undefined) {
          s.received.push(value)
          me.left--
          choose(s, me, 'senders')
        } else {
          me.left = 0
        }
        return 'ring'
      }),
      ...ring('next'),
      either(
        'sleep',
        when('wake', (s) => s.bells[id] === true, woken(id, 'receive')),
        ...(fickle?.includes(index) ? [giveUp] : []),
      ),
    ],
    { serves: true },
  )
}

function closer({ flaw }: Cast): Thread<LockedChannel, Own> {
  return thread<LockedChannel, Own>('closer', { left: 0, rings: 0 }, [
    step('close', (s, me) => {
      s.closed = true
      me.rings = flaw === 'close rings nobody' ? 0 : s.receivers | s.senders
      s.receivers = 0
      s.senders = 0
    }),
    ...ring(done),
  ])
}

/** Has everybody look again: the dead thread may have chosen one that it did not ring. */
function recovery({ flaw }: Cast): Thread<LockedChannel, Own> {
  return thread<LockedChannel, Own>(
    'recovery',
    { left: 0, rings: 0 },
    [
      when(
        'see a death',
        (s) => s.deaths > 0,
        (s, me) => {
          me.rings = flaw === 'death rings nobody' ? 0 : (1 << s.bells.length) - 1
        },
      ),
      ...ring(done),
    ],
    { serves: true },
  )
}

/** Clears a bit; its thread is rung after the section. */
function choose(s: LockedChannel, me: Own, mask: 'receivers' | 'senders'): void {
  const chosen = s[mask] & -s[mask]
  s[mask] &= ~chosen
  me.rings |= chosen
}

function ring(next: string): Step<LockedChannel, Own>[] {
  return [
    local('ring', (_, me) => (me.rings === 0 ? next : undefined)),
    step('ring one', (s, me) => {
      const it = 31 - Math.clz32(me.rings)
      s.bells[it] = true
      me.rings &= ~(1 << it)
      return 'ring'
    }),
  ]
}

function woken(id: number, next: string) {
  return (s: LockedChannel): string => {
    s.bells[id] = false
    s.asleep[id] = ''
    return next
  }
}
