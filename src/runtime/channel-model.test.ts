import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  Canceled,
  type Chan,
  chan,
  go,
  type Goroutine,
  type Operation,
  RuntimeError,
  select,
  trySelect,
} from 'sluice'
import { bubble, waitIdle } from 'sluice/testing'

/** A send or a receive on the channel of that number. */
interface Case {
  readonly channel: number
  readonly sends: boolean
}

/** One step of a random program; everything comes to rest before the next one. */
type Step =
  | { readonly name: 'select' | 'trySelect'; readonly cases: readonly Case[] }
  | { readonly name: 'close'; readonly channel: number }
  | { readonly name: 'cancel'; readonly nth: number }

type Result =
  | { readonly key: string; readonly value: unknown }
  | 'closed'
  | 'canceled'
  | 'default'
  | 'waiting'

interface Parked {
  readonly id: number
  readonly key: string
  readonly value: number
}

/** What Go's specification says of a channel: arrays, and every waiter in every list it waits in. */
class Model {
  readonly results: Result[] = []
  readonly channels

  constructor(capacities: readonly number[]) {
    this.channels = capacities.map((capacity) => ({
      capacity,
      closed: false,
      buffer: [] as number[],
      receivers: [] as Parked[],
      senders: [] as Parked[],
    }))
  }

  /** Ends the wait of `id`: it leaves every list. */
  end(id: number, result: Result): void {
    this.results[id] = result
    for (const ch of this.channels) {
      ch.receivers = ch.receivers.filter((parked) => parked.id !== id)
      ch.senders = ch.senders.filter((parked) => parked.id !== id)
    }
  }

  isReady({ channel, sends }: Case): boolean {
    const ch = this.at(channel)
    if (ch.closed) return true
    return sends
      ? ch.receivers.length > 0 || ch.buffer.length < ch.capacity
      : ch.senders.length > 0 || ch.buffer.length > 0
  }

  perform({ channel, sends }: Case, key: string, value: number): Result {
    const ch = this.at(channel)
    if (!sends) return { key, value: this.receive(ch) }
    if (ch.closed) return 'closed'
    const [receiver] = ch.receivers
    if (receiver === undefined) ch.buffer.push(value)
    else this.end(receiver.id, { key: receiver.key, value: { done: false, value } })
    return { key, value: undefined }
  }

  private receive(ch: Model['channels'][number]): unknown {
    const [sender] = ch.senders
    if (sender !== undefined) {
      this.end(sender.id, { key: sender.key, value: undefined })
      ch.buffer.push(sender.value)
    }
    const value = ch.buffer.shift()
    return value === undefined ? { done: true, value: undefined } : { done: false, value }
  }

  park(id: number, { channel, sends }: Case, key: string, value: number): void {
    const ch = this.at(channel)
    ;(sends ? ch.senders : ch.receivers).push({ id, key, value })
  }

  close(channel: number): void {
    const ch = this.at(channel)
    ch.closed = true
    for (const { id, key } of ch.receivers) {
      if (this.results[id] === 'waiting') this.end(id, { key, value: { done: true, value: undefined } })
    }
    for (const { id } of ch.senders) if (this.results[id] === 'waiting') this.end(id, 'closed')
  }

  private at(channel: number): Model['channels'][number] {
    return this.channels[channel % this.channels.length] as Model['channels'][number]
  }
}

/** The same program on the real channels, and the checks. */
class Rig {
  private readonly model: Model
  private readonly channels: Chan<number>[]
  private readonly waiting = new Map<number, Goroutine<unknown>>()
  private readonly results: Result[] = []

  constructor(private readonly capacities: readonly number[]) {
    this.model = new Model(capacities)
    this.channels = capacities.map((capacity) => chan<number>(capacity))
  }

  *play(steps: readonly Step[]) {
    for (const step of steps) {
      if (step.name === 'close') this.close(step.channel)
      else if (step.name === 'cancel') this.cancel(step.nth)
      else yield* this.select(step.cases, step.name === 'trySelect')
      yield* waitIdle()
      expect(this.results).toEqual(this.model.results)
      expect(this.channels.map((ch) => ch.length)).toEqual(this.model.channels.map((ch) => ch.buffer.length))
    }
    for (const g of this.waiting.values()) g.cancel()
  }

  private *select(cases: readonly Case[], tries: boolean) {
    const id = this.results.length
    this.results[id] = 'waiting'
    const ready = cases.filter((each) => this.model.isReady(each))
    this.waiting.set(id, go(this.perform.bind(this), id, cases, tries))
    yield* waitIdle()
    const result = this.results[id] as Result
    if (ready.length === 0) {
      this.model.results[id] = tries ? 'default' : 'waiting'
      if (!tries) for (const [i, each] of cases.entries()) this.model.park(id, each, `${i}`, id)
      return
    }
    // Which one of several is chosen is the select's own affair; that it is a ready one is not.
    const chosen = ready.filter((each) => {
      if (result !== 'closed') return typeof result === 'object' && cases[Number(result.key)] === each
      return each.sends && this.model.channels[each.channel % this.capacities.length]?.closed
    })
    expect(chosen).not.toEqual([])
    const [one] = chosen as [Case]
    this.model.results[id] = this.model.perform(one, `${cases.indexOf(one)}`, id)
  }

  private *perform(id: number, cases: readonly Case[], tries: boolean) {
    try {
      const operations = Object.fromEntries(cases.map((each, i) => [`${i}`, this.operation(each, id)]))
      this.results[id] = tries ? (trySelect(operations) ?? 'default') : yield* select(operations)
    } catch (error) {
      if (!(error instanceof Canceled || error instanceof RuntimeError)) throw error
      this.results[id] = error instanceof Canceled ? 'canceled' : 'closed'
    }
    this.waiting.delete(id)
  }

  private operation({ channel, sends }: Case, id: number): Operation<unknown> {
    const ch = this.channels[channel % this.channels.length] as Chan<number>
    return sends ? ch.send(id) : ch.next()
  }

  private close(channel: number): void {
    const index = channel % this.channels.length
    if (this.model.channels[index]?.closed) return
    this.channels[index]?.close()
    this.model.close(index)
  }

  private cancel(nth: number): void {
    const ids = [...this.waiting.keys()]
    const id = ids[nth % ids.length]
    if (id === undefined) return
    this.waiting.get(id)?.cancel()
    this.model.end(id, 'canceled')
  }
}

// One case a channel and direction: which of two equal cases is served is nobody's promise.
const cases = fc.uniqueArray(fc.record({ channel: fc.nat(2), sends: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
  selector: ({ channel, sends }) => `${channel}${sends}`,
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ name: fc.constant('select' as const), cases }) },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('trySelect' as const), cases }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('close' as const), channel: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('cancel' as const), nth: fc.nat(20) }) },
)

const capacities = fc.array(fc.nat(3), { minLength: 3, maxLength: 3 })

describe('channels and select', () => {
  it('do in any program what a model of arrays does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), capacities, fc.nat(), (steps, sizes, seed) =>
        bubble(() => new Rig(sizes).play(steps), { seed }),
      ),
      { numRuns: 400 },
    )
  }, 60_000)
})
