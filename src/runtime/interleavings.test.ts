import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  Canceled,
  type Chan,
  chan,
  go,
  type Goroutine,
  type Routine,
  RuntimeError,
  run,
  select,
  yieldNow,
} from 'sluice'
import { SeededRandom } from './random.js'

/** A random program: who sends, receives and selects how much, and who is told to stop. */
interface Program {
  readonly capacities: readonly number[]
  readonly senders: readonly {
    readonly channel: number
    readonly count: number
    readonly viaSelect: boolean
  }[]
  readonly receivers: readonly { readonly channel: number; readonly viaSelect: boolean }[]
  /** Steps after which one of the goroutines is canceled. */
  readonly cancels: readonly number[]
  readonly closesEarly: boolean
}

interface Message {
  readonly sender: number
  readonly n: number
}

const nat = (max: number) => fc.nat(max)
const program: fc.Arbitrary<Program> = fc.record({
  capacities: fc.array(nat(4), { minLength: 2, maxLength: 3 }),
  senders: fc.array(fc.record({ channel: nat(2), count: nat(20), viaSelect: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  }),
  receivers: fc.array(fc.record({ channel: nat(2), viaSelect: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  }),
  cancels: fc.array(nat(60), { maxLength: 3 }),
  closesEarly: fc.boolean(),
})

/** What the goroutines of a program saw. */
class Run {
  /** What senders were told is sent. */
  readonly sent: Message[] = []
  readonly received: { readonly receiver: number; readonly channel: number; readonly message: Message }[] = []
  readonly channels: Chan<Message>[]

  constructor(readonly program: Program) {
    this.channels = program.capacities.map((capacity) => chan<Message>(capacity))
  }

  channel(n: number): Chan<Message> {
    return this.channels[n % this.channels.length] as Chan<Message>
  }

  *send(sender: number): Routine<void> {
    const { channel, count, viaSelect } = this.program.senders[sender] as Program['senders'][number]
    const never = chan<void>()
    for (let n = 0; n < count; n++) {
      const message = { sender, n }
      const operation = this.channel(channel).send(message)
      if (viaSelect) yield* select({ operation, never: never.recv() })
      else yield* operation
      this.sent.push(message)
    }
  }

  *receive(receiver: number): Routine<void> {
    const { channel, viaSelect } = this.program.receivers[receiver] as Program['receivers'][number]
    const open = new Set(viaSelect ? this.channels.keys() : [channel % this.channels.length])
    while (open.size > 0) {
      const cases = Object.fromEntries([...open].map((i) => [`${i}`, this.channel(i).next()]))
      const { key, value } = yield* select(cases)
      if (value.done === true) open.delete(Number(key))
      else this.received.push({ receiver, channel: Number(key), message: value.value })
    }
  }

  *all(seed: number): Routine<void> {
    const { senders, receivers, cancels, closesEarly } = this.program
    const random = new SeededRandom(seed)
    const sending = senders.map((_, i) => go(this.send.bind(this), i))
    const receiving = receivers.map((_, i) => go(this.receive.bind(this), i))
    const both = [...sending, ...receiving]
    const outcomes = both.map((g) => g.outcome()) // asked for now, so that no failure is one that nobody joins
    const canceling = cancels.map((steps) =>
      go(function* () {
        for (let i = 0; i < steps; i++) yield* yieldNow()
        ;(both[random.below(both.length)] as Goroutine<void>).cancel()
      }),
    )
    for (const g of canceling) yield* g
    if (!closesEarly) {
      // Whatever the receivers that are left take is taken; the rest of the senders is told to stop.
      for (let i = 0; i < 300; i++) yield* yieldNow()
      for (const g of sending) g.cancel()
      for (const g of sending) yield* g.outcome()
    }
    for (const ch of this.channels) ch.close()
    for (const outcome of outcomes) {
      const { error } = yield* outcome
      if (error !== undefined && !(error instanceof Canceled || error instanceof RuntimeError)) throw error
    }
    for (const [i, ch] of this.channels.entries()) {
      for (let r = ch.tryRecv(); r?.done === false; r = ch.tryRecv()) {
        this.received.push({ receiver: -1, channel: i, message: r.value })
      }
    }
  }
}

const name = ({ sender, n }: Message) => `${sender}:${n}`

describe('under any interleaving', () => {
  it('what was sent arrives once, and what was not sent does not, through closes and cancels', async () => {
    await fc.assert(
      fc.asyncProperty(program, fc.nat(), async (it, seed) => {
        const seen = new Run(it)
        await run(() => seen.all(seed), { seed })
        // A sender that is told to stop after its value was taken still learns that it has sent.
        expect(seen.received.map(({ message }) => name(message)).sort()).toEqual(seen.sent.map(name).sort())
      }),
      { numRuns: 400 },
    )
  }, 60_000)

  it('each receiver gets the values of a sender in the order in which they were sent', async () => {
    await fc.assert(
      fc.asyncProperty(program, fc.nat(), async (it, seed) => {
        const seen = new Run(it)
        await run(() => seen.all(seed), { seed })
        const last = new Map<string, number>()
        for (const { receiver, message } of seen.received) {
          const pair = `${message.sender} to ${receiver}`
          expect(message.n).toBeGreaterThan(last.get(pair) ?? -1)
          last.set(pair, message.n)
        }
      }),
      { numRuns: 200 },
    )
  }, 60_000)
})
