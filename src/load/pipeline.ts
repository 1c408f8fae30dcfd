import { Ring } from '../runtime/ring.js'
import type { ResponseInfo } from './response-reader.js'
import type { Result, Sample } from './results.js'

/** Requests that went out in one write and have no response yet. */
interface Flight {
  readonly sentMs: number
  left: number
}

/** The sample that counts what is like it. */
type Counting = { -readonly [K in keyof Sample]: Sample[K] }

/**
 * The requests of one connection from their write to their end: those in flight, in the order in which they will be
 * answered (RFC 9112, section 9.3.2), and how others ended, until somebody takes that. Requests that share a write and
 * a response that shares a read have the same times, so they are one sample: the cost is by read, not by request.
 */
export class Pipeline {
  /** Requests that were sent and have not ended. */
  inFlight = 0
  /** Requests that were given up. */
  unfinished = 0
  private readonly flights = new Ring<Flight>()
  private ended: Result[] = []
  private alike: Counting | undefined = undefined

  /** Whether there is anything to take. */
  get hasEnded(): boolean {
    return this.ended.length > 0
  }

  /** When the request that is answered next was sent; `undefined` if none is in flight. */
  get oldestMs(): number | undefined {
    return this.flights.at(0)?.sentMs
  }

  /** @param sentMs what their latency counts from. */
  sent(count: number, sentMs: number): void {
    this.inFlight += count
    this.flights.push({ sentMs, left: count })
  }

  /** The oldest request has its response. */
  answered({ status, bodyBytes }: ResponseInfo, firstByteAtMs: number, nowMs: number): void {
    const sentMs = this.endOldest()
    const latencyMs = nowMs - sentMs
    const firstByteMs = firstByteAtMs - sentMs
    const { alike } = this
    if (alike?.latencyMs === latencyMs && alike.firstByteMs === firstByteMs && alike.status === status) {
      alike.bytes += bodyBytes
      alike.count++
      return
    }
    this.alike = { latencyMs, firstByteMs, status, bytes: bodyBytes, count: 1 }
    this.ended.push(this.alike)
  }

  /** The oldest `count` requests have failed. */
  failed(error: string, count: number): void {
    if (count === 0) return
    for (let i = 0; i < count; i++) this.endOldest()
    this.ended.push({ error, count })
  }

  /** How many have been in flight since `ms` or longer. */
  sentBefore(ms: number): number {
    let count = 0
    for (let i = 0; i < this.flights.length; i++) {
      const flight = this.flights.at(i)
      if (flight === undefined || flight.sentMs > ms) break
      count += flight.left
    }
    return count
  }

  /** What has ended since the last call. */
  take(): readonly Result[] {
    const { ended } = this
    this.ended = []
    this.alike = undefined
    return ended
  }

  /** Those in flight are neither answered nor failed: the run is over. */
  giveUp(): void {
    const { inFlight } = this
    for (let i = 0; i < inFlight; i++) this.endOldest()
    this.unfinished += inFlight
  }

  private endOldest(): number {
    const flight = this.flights.at(0)
    if (flight === undefined) throw new Error('load: a request ended that was not in flight')
    this.inFlight--
    if (--flight.left === 0) this.flights.shift()
    return flight.sentMs
  }
}
