import { Distribution } from './distribution.js'

/** Requests that got their responses, at the same time and with the same status. */
export interface Sample {
  /** From the write of the request to the last byte of the response. */
  readonly latencyMs: number
  /** To its first byte. */
  readonly firstByteMs: number
  readonly status: number
  /** Of all their bodies. */
  readonly bytes: number
  readonly count: number
}

/** Requests that got none, and the kind of error. */
export interface Failure {
  readonly error: string
  readonly count: number
}

/** One connection that was opened. */
export interface Dialed {
  /** All of it: name, TCP and TLS. */
  readonly dialMs: number
  /** Only the name; 0 where the host is an address. */
  readonly lookupMs: number
}

/** What a connection tells the collector. */
export type Result = Sample | Failure | Dialed

/** More kinds of errors than this are counted as one: a server that sends noise must not fill the memory. */
const mostKinds = 50

/** Everything a run has measured; times in microseconds. Its size does not grow with the number of requests. */
export class Results {
  readonly latencies = new Distribution()
  readonly firstBytes = new Distribution()
  readonly dials = new Distribution()
  readonly lookups = new Distribution()
  /** Responses a second, in each of the intervals in which they were counted. */
  readonly rates = new Distribution()
  /** The latencies of the responses of each status. */
  readonly statuses = new Map<number, Distribution>()
  readonly errors = new Map<string, number>()
  bytes = 0
  failures = 0
  /** Requests that had no response yet when the run ended: neither responses nor failures. */
  unfinished = 0
  /** Requests that were due when no connection was free. */
  late = 0
  private counted = 0
  private countedAtMs = 0

  get responses(): number {
    return this.latencies.count
  }

  add(result: Result): void {
    if ('latencyMs' in result) this.addSample(result)
    else if ('error' in result) this.addFailure(result)
    else {
      this.dials.add(result.dialMs * 1000)
      this.lookups.add(result.lookupMs * 1000)
    }
  }

  /** Takes note of how many responses came since the last call. */
  countRate(elapsedMs: number): void {
    const passedMs = elapsedMs - this.countedAtMs
    if (passedMs <= 0) return
    this.rates.add(((this.responses - this.counted) * 1000) / passedMs)
    this.counted = this.responses
    this.countedAtMs = elapsedMs
  }

  private addSample({ latencyMs, firstByteMs, status, bytes, count }: Sample): void {
    this.bytes += bytes
    this.latencies.add(latencyMs * 1000, count)
    this.firstBytes.add(firstByteMs * 1000, count)
    const ofStatus = this.statuses.get(status) ?? new Distribution()
    this.statuses.set(status, ofStatus)
    ofStatus.add(latencyMs * 1000, count)
  }

  private addFailure({ error, count }: Failure): void {
    const kind = this.errors.has(error) || this.errors.size < mostKinds ? error : 'other errors'
    this.failures += count
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + count)
  }
}
