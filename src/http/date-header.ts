import type { Expiring, TimerWheel } from '../net/timer-wheel.js'
import type { Linked } from '../runtime/wait-list.js'
import { flat } from './bytes.js'

const secondMs = 1000

/**
 * What most responses begin with: the status line, the Content-Type and the Date, made once a second for all. While
 * nobody answers anything it does nothing. Source: RFC 9110, 6.6.1.
 */
export class DateHeader implements Expiring {
  before: Linked | undefined = undefined
  after: Linked | undefined = undefined
  dueTick = 0
  wheelSlot = -1
  private text: string | undefined = undefined
  private readonly openings = new Map<string, string>()

  constructor(
    private readonly wheel: TimerWheel,
    private readonly epochNow: () => number,
  ) {}

  /** `Date: Sat, 21 Nov 2026 10:00:00 GMT` with its CRLF. */
  get line(): string {
    return this.text ?? this.refresh()
  }

  /** `Sat, 21 Nov 2026 10:00:00 GMT`. */
  get value(): string {
    return this.line.slice('Date: '.length, -'\r\n'.length)
  }

  /** The first lines of a response with status 200 and this Content-Type, which must be one of a few. */
  opening(contentType: string): string {
    const line = this.line
    let opening = this.openings.get(contentType)
    if (opening === undefined) {
      opening = flat(`HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\n${line}`)
      this.openings.set(contentType, opening)
    }
    return opening
  }

  expired(): void {
    this.text = undefined
    this.openings.clear()
  }

  private refresh(): string {
    const now = this.epochNow()
    this.wheel.set(this, secondMs - (now % secondMs))
    this.text = flat(`Date: ${new Date(now).toUTCString()}\r\n`)
    return this.text
  }
}
