import type { Socket } from 'node:net'
import type { Exchange } from './exchange.js'
import type { Connector, DispatchOptions, Line, LineOptions, Undici } from './undici.js'

/** Where a connection belongs. */
export interface ConnectionHome {
  readonly origin: string
  readonly lineOptions: LineOptions
  readonly connector: Connector
  now(): number
  /** It has been opened. */
  opened(): void
  /** It can take another request. */
  freed(connection: Connection): void
  /** It is no more, or takes no more requests. */
  lost(connection: Connection): void
}

/** A connection to a server, for one request at a time. It is opened by the first one. */
export class Connection {
  /** When it was opened; before that, when it was made. */
  sinceMs: number
  /** What it is used for. */
  private exchange: Exchange | undefined = undefined
  private isGone = false
  private readonly line: Line
  /** The one that it was opened over last, or is being opened over. */
  private socket: Socket | undefined = undefined

  constructor(
    { Client }: Undici,
    private readonly home: ConnectionHome,
    /** How long after that it takes requests. */
    readonly lifetimeMs: number,
  ) {
    this.sinceMs = home.now()
    const connect: Connector = (place, opened) => {
      this.socket = home.connector(place, opened)
      return this.socket
    }
    this.line = new Client(home.origin, { ...home.lineOptions, connect })
    this.line.on('connect', () => this.connected()).on('disconnect', () => this.disconnected())
  }

  /** Sends a request; `exchange` is told how it goes, perhaps at once. */
  dispatch(options: DispatchOptions, exchange: Exchange): void {
    this.exchange = exchange
    this.line.dispatch(options, exchange)
  }

  /** The response has ended. */
  release(): void {
    this.exchange = undefined
    if (!this.isGone) this.home.freed(this)
  }

  /** Closes it at once. Whoever uses it has to know. */
  destroy(): void {
    if (this.isGone) return
    this.isGone = true
    this.exchange = undefined
    void this.line.destroy()
    // One that is still being opened undici would only close once it is open.
    this.socket?.destroy()
    this.home.lost(this)
  }

  /** Closes it at once, and what it is used for. */
  cut(reason: Error): void {
    if (this.exchange === undefined) this.destroy()
    else this.exchange.giveUp(reason)
  }

  private connected(): void {
    this.sinceMs = this.home.now()
    this.home.opened()
  }

  // One that has been handed to the next request by then opens itself again for it: nothing of that was sent.
  private disconnected(): void {
    if (this.exchange === undefined) this.destroy()
  }
}
