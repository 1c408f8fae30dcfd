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
 * The buffered channel between threads: Vyukov's bounded queue, waiting that is level-triggered, and close.
 *
 * - `tail` is twice the position of the next send, plus 1 once closed; so a CAS of tail is what a send commits by, and
 *   none succeeds after close. `head` is twice the position of the next receive.
 * - `seq` of a cell is twice the position it is free for, or that plus 1 once the value is there. The doubling is needed:
 *   with Vyukov's own numbers (pos, pos + 1, pos + capacity) a full cell of a channel of capacity 1 looks free.
 * - Who finds nothing arms its bit, tries again, and only then sleeps. Who publishes looks at the bits afterwards. One
 *   of the two sees the other.
 * - A bit stands for its thread's wish, and who clears it owes that thread a ring. Who leaves after it ever armed clears
 *   its own bit and, when something is left to do, rings the next: the ring that it may have been given is not lost.
 */
export interface Channel {
  head: number
  tail: number
  readonly seq: number[]
  readonly cells: number[]
  /** Bits of the threads that wait to receive, and to send. */
  receivers: number
  senders: number
  readonly bells: boolean[]
  /** Not in memory, for the properties: all values by position, and how they fared. */
  readonly sent: number[]
  readonly received: number[]
  readonly ended: string[]
  closeReturned: boolean
  wrong: string
}

/** What may be broken on purpose. */
export type Flaw =
  | 'numbers of Vyukov'
  | 'no second try'
  | 'no passing on'
  | 'passing on only after sleep'
  | 'canceled keeps the ring'
  | 'closed word apart'
  | 'end without look at tail'
  | 'end not passed on'
  | 'publish before value'

interface Own {
  left: number
  pos: number
  armed: boolean
  waited: boolean
  slept: boolean
  canceled: boolean
  mask: number
  chosen: number
}

interface Setting {
  readonly capacity: number
  readonly flaw: Flaw | undefined
}

export interface Cast {
  readonly capacity: number
  /** How many values each sender sends, and each receiver takes; `Infinity` is till the end. */
  readonly senders: readonly number[]
  readonly receivers: readonly number[]
  /** Receivers that may give up while they sleep. */
  readonly fickle?: readonly number[]
  readonly closes?: boolean
  readonly flaw?: Flaw | undefined
}

export function bufferedChannel({
  capacity,
  senders,
  receivers,
  fickle = [],
  closes = false,
  flaw,
}: Cast): Model<Channel> {
  const setting = { capacity, flaw }
  const threads: Thread<Channel>[] = [
    ...senders.map((count, index) => sender(index, count, setting)),
    ...receivers.map((count, index) =>
      receiver(senders.length + index, count, fickle.includes(index), setting),
    ),
  ]
  if (closes) threads.push(closer())
  return {
    initial: {
      head: 0,
      tail: 0,
      seq: Array.from({ length: capacity }, (_, cell) => (flaw === 'numbers of Vyukov' ? cell : 2 * cell)),
      cells: Array.from({ length: capacity }, () => 0),
      receivers: 0,
      senders: 0,
      bells: threads.map(() => false),
      sent: [],
      received: [],
      ended: threads.map(() => ''),
      closeReturned: false,
      wrong: '',
    },
    threads,
    invariant: ({ wrong }) => (wrong === '' ? undefined : wrong),
    final: (channel) => atRest(channel, capacity, closes),
  }
}

/** Threads that still wait at the end serve; so this says whether they rightly wait. */
function atRest(
  { head, tail, sent, received, ended }: Channel,
  capacity: number,
  closes: boolean,
): Complaint {
  const [sends, receives] = [tail >> 1, head >> 1]
  const waits = ended.some((how) => how === 'receives')
  if (waits && sends > receives) return 'a receiver sleeps though there is a value'
  if (waits && closes) return 'a receiver sleeps though the channel is closed'
  const stuck = ended.some((how) => how === 'sends')
  if (stuck && (sends - receives < capacity || closes)) return 'a sender sleeps though it could go on'
  if (ended.includes('end') && sends > receives) return 'a receiver ended before a value that was sent'
  if (received.some((value, index) => value !== sent[index])) return `sent ${sent}, received ${received}`
  if (received.length !== receives) return 'a position was taken and not read'
  return undefined
}

function sender(id: number, count: number, { capacity, flaw }: Setting): Thread<Channel, Own> {
  const vyukov = flaw === 'numbers of Vyukov'
  return thread<Channel, Own>(
    `sender ${id}`,
    variables(count),
    [
      local('next', (s, me) => {
        if (me.left === 0) {
          s.ended[id] = 'done'
          return done
        }
        me.left--
        s.ended[id] = 'sends'
        return 'load tail'
      }),
      step('load tail', (s, me) => {
        me.pos = s.tail & ~1
        return s.tail & 1 ? 'closed' : 'load seq'
      }),
      step('load seq', (s, me) => {
        const seq = s.seq[(me.pos >> 1) % capacity] as number
        const free = vyukov ? me.pos >> 1 : me.pos
        return seq === free ? 'CAS tail' : seq > free ? 'load tail' : 'full'
      }),
      step('CAS tail', (s, me) => {
        // With a word of its own for `closed`, looked at before, the CAS would not see that it was set since.
        const seen = flaw === 'closed word apart' ? s.tail & ~1 : s.tail
        if (seen !== me.pos) return 'load tail'
        if (s.closeReturned) s.wrong = 'a send succeeded after close returned'
        s.tail += 2
        s.sent.push(value(id, me))
        return flaw === 'publish before value' ? 'store seq' : 'write value'
      }),
      step('write value', (s, me) => {
        s.cells[(me.pos >> 1) % capacity] = value(id, me)
        return flaw === 'publish before value' ? 'leave' : 'store seq'
      }),
      step('store seq', (s, me) => {
        s.seq[(me.pos >> 1) % capacity] = vyukov ? (me.pos >> 1) + 1 : me.pos + 1
        return flaw === 'publish before value' ? 'write value' : 'leave'
      }),
      local('leave', () => 'ring a receiver: load'),
      ...ring('ring a receiver', 'receivers', 'clean up'),
      ...leave('senders', id, flaw, (s) => (s.tail >> 1) - (s.head >> 1) < capacity),

      local('full', (_, me) => {
        me.pos = 0
        return me.armed ? 'sleep' : 'arm'
      }),
      ...arm('senders', id, flaw),
      when('sleep', (s) => s.bells[id] === true, woken(id, 'load tail', flaw)),

      local('closed', (s, me) => {
        s.ended[id] = 'send on closed channel'
        me.left = 0
        return done
      }),
    ],
    { serves: true },
  )
}

function receiver(
  id: number,
  count: number,
  fickle: boolean,
  { capacity, flaw }: Setting,
): Thread<Channel, Own> {
  const vyukov = flaw === 'numbers of Vyukov'
  const giveUp = step<Channel, Own>('give up', (s, me) => {
    me.left = 0
    if (flaw === 'passing on only after sleep') me.canceled = true
    s.ended[id] = 'canceled'
    return flaw === 'canceled keeps the ring' ? done : 'clean up'
  })
  return thread<Channel, Own>(
    `receiver ${id}`,
    variables(count),
    [
      local('next', (s, me) => {
        if (me.left === 0) {
          if (s.ended[id] === 'receives') s.ended[id] = 'done'
          return done
        }
        me.left--
        s.ended[id] = 'receives'
        return 'load head'
      }),
      step('load head', (s, me) => {
        me.pos = s.head
      }),
      step('load seq', (s, me) => {
        const seq = s.seq[(me.pos >> 1) % capacity] as number
        const full = vyukov ? (me.pos >> 1) + 1 : me.pos + 1
        return seq === full ? 'CAS head' : seq > full ? 'load head' : 'load tail'
      }),
      step('CAS head', (s, me) => {
        if (s.head !== me.pos) return 'load head'
        s.head += 2
        return 'read value'
      }),
      step('read value', (s, me) => {
        const read = s.cells[(me.pos >> 1) % capacity] as number
        const position = me.pos >> 1
        if (read !== s.sent[position]) s.wrong = `received ${read} at ${position}, sent ${s.sent[position]}`
        s.received[position] = read
      }),
      step('store seq', (s, me) => {
        s.seq[(me.pos >> 1) % capacity] = vyukov ? (me.pos >> 1) + capacity : me.pos + 2 * capacity
        me.pos = 0
      }),
      ...ring('ring a sender', 'senders', 'clean up'),
      ...leave(
        'receivers',
        id,
        flaw,
        (s) => s.tail >> 1 > s.head >> 1 || ((s.tail & 1) === 1 && flaw !== 'end not passed on'),
      ),

      // Nothing there. Closed and drained is the end; a position that is taken but not published is no end.
      step('load tail', (s, me) => {
        const drained = flaw === 'end without look at tail' || s.tail >> 1 === me.pos >> 1
        me.pos = 0
        if ((s.tail & 1) === 1 && drained) return 'end'
        return me.armed ? 'sleep' : 'arm'
      }),
      ...arm('receivers', id, flaw),
      either(
        'sleep',
        when('wake', (s) => s.bells[id] === true, woken(id, 'load head', flaw)),
        ...(fickle ? [giveUp] : []),
      ),

      local('end', (s, me) => {
        s.ended[id] = 'end'
        me.left = 0
        return 'clean up'
      }),
    ],
    { serves: true },
  )
}

/** Closes: one atomic or; then everybody is to look again. */
function closer(): Thread<Channel, Own> {
  return thread<Channel, Own>('closer', variables(0), [
    step('or tail', (s) => {
      s.tail |= 1
    }),
    step('exchange receivers', (s, me) => {
      me.mask = s.receivers
      s.receivers = 0
    }),
    step('ring receivers', ringAll),
    step('exchange senders', (s, me) => {
      me.mask = s.senders
      s.senders = 0
    }),
    step('ring senders', ringAll),
    step('return', (s) => {
      s.closeReturned = true
    }),
  ])
}

/** Says that the thread waits, so that it may sleep after one more try. */
function arm(mask: 'senders' | 'receivers', id: number, flaw: Flaw | undefined): Step<Channel, Own>[] {
  return [
    step('arm', (s, me) => {
      s[mask] |= 1 << id
      me.armed = true
      me.waited = true
      if (flaw === 'no second try') return 'sleep'
      return mask === 'senders' ? 'load tail' : 'load head'
    }),
  ]
}

/** Clears one bit of a mask that is not empty, and rings its thread. */
function ring(name: string, mask: 'senders' | 'receivers', next: string): Step<Channel, Own>[] {
  return [
    step(`${name}: load`, (s, me) => {
      me.mask = s[mask]
      return me.mask === 0 ? next : `${name}: CAS`
    }),
    either(`${name}: CAS`, ...[0, 1, 2, 3].map((it) => pick(name, mask, it))),
    step(`${name}: bell`, (s, me) => {
      s.bells[me.chosen] = true
      me.mask = 0
      me.chosen = 0
      return next
    }),
  ]
}

function pick(name: string, mask: 'senders' | 'receivers', it: number): Step<Channel, Own> {
  return when(
    `${name}: CAS, thread ${it}`,
    (_, me) => (me.mask & (1 << it)) !== 0,
    (s, me) => {
      if (s[mask] !== me.mask) return `${name}: load`
      s[mask] &= ~(1 << it)
      me.chosen = it
      return undefined
    },
  )
}

/** After a wait: clears the own bit, and rings the next one when there is something left for it. */
function leave(
  mask: 'senders' | 'receivers',
  id: number,
  flaw: Flaw | undefined,
  isSomethingLeft: (s: Channel) => boolean,
): Step<Channel, Own>[] {
  return [
    local('clean up', (_, me) => {
      me.pos = 0
      me.mask = 0
      return me.waited ? 'disarm' : 'again'
    }),
    step('disarm', (s, me) => {
      s[mask] &= ~(1 << id)
      const passes =
        flaw === 'passing on only after sleep' ? me.slept || me.canceled : flaw !== 'no passing on'
      return passes ? 'is something left' : 'again'
    }),
    step('is something left', (s) => (isSomethingLeft(s) ? 'ring the next: load' : 'again')),
    ...ring('ring the next', mask, 'again'),
    local('again', (_, me) => {
      me.armed = false
      me.waited = false
      me.slept = false
      me.canceled = false
      return 'next'
    }),
  ]
}

function woken(id: number, next: string, flaw: Flaw | undefined) {
  return (s: Channel, me: Own): string => {
    s.bells[id] = false
    me.armed = false
    if (flaw === 'passing on only after sleep') me.slept = true
    me.pos = 0
    return next
  }
}

function ringAll(s: Channel, me: Own): void {
  for (const id of s.bells.keys()) if (me.mask & (1 << id)) s.bells[id] = true
  me.mask = 0
}

function value(id: number, { left }: Own): number {
  return 10 * (id + 1) + left
}

function variables(left: number): Own {
  return { left, pos: 0, armed: false, waited: false, slept: false, canceled: false, mask: 0, chosen: 0 }
}
