import { Refused } from '../../resilience/refused.js'
import { Operation } from '../../runtime/operation.js'
import { scheduler } from '../../runtime/scheduler.js'
import { WaitList } from '../../runtime/wait-list.js'
import { Connection, type ConnectionHome } from './connection.js'
import type { Connector, LineOptions, Undici } from './undici.js'

/** How connections to a server are kept. */
export interface PoolLimits {
  readonly maxSize: number
  readonly queue: number
  readonly maxLifetimeMs: number
}

/** What the connections to a server do. */
export interface OriginStats {
  readonly origin: string
  /** Connections that there are, and those that have a request. */
  readonly connections: number
  readonly busy: number
  /** Requests that wait for a connection. */
  readonly waiting: number
}

/** Who is told what its connections do. */
export interface PoolHouse {
  opened(): void
  refused(): void
  /** There are none any more. */
  emptied(): void
}

/** Connections that were opened at one time do not all end at one: each lives up to a tenth shorter. */
const lifetimeSpread = 0.1

/**
 * The connections to one server: up to `maxSize`, each for one request at a time. The one that was used last is used next, so
 * that those that are not needed become idle and leave. Who finds all of them busy waits in line; a connection that is freed
 * goes straight to the first one there, so that nobody who comes later is faster. Beyond `queue` requests are refused.
 */
export class OriginPool implements ConnectionHome {
  private readonly idle: Connection[] = []
  private readonly all = new Set<Connection>()
  private readonly waiters = new WaitList<Acquire>()
  private waiting = 0
  private isClosing = false

  constructor(
    readonly origin: string,
    readonly lineOptions: LineOptions,
    readonly connector: Connector,
    private readonly undici: Undici,
    private readonly limits: PoolLimits,
    private readonly house: PoolHouse,
  ) {}

  /** Waits for a connection. Throws `Refused` where too many wait already. */
  acquire(): Operation<Connection> {
    return new Acquire(this)
  }

  /** No request needs it now. */
  get isIdle(): boolean {
    return this.idle.length === this.all.size && this.waiting === 0
  }

  stats(): OriginStats {
    const { origin, all, idle, waiting } = this
    return { origin, connections: all.size, busy: all.size - idle.length, waiting }
  }

  /** Those that are idle are closed now, the others when their requests, and those that wait, have ended. */
  close(): void {
    this.isClosing = true
    for (const connection of [...this.idle]) connection.destroy()
  }

  /** Closes all of them at once, whatever they are used for. */
  cut(reason: Error): void {
    this.isClosing = true
    for (let waiter = this.waiters.shift(); waiter !== undefined; waiter = this.waiters.shift()) {
      this.waiting--
      waiter.fail(reason)
    }
    for (const connection of [...this.all]) connection.cut(reason)
  }

  now(): number {
    return scheduler().clock.now()
  }

  opened(): void {
    this.house.opened()
  }

  freed(connection: Connection): void {
    const isNeeded = !this.isClosing || this.waiting > 0
    if (!isNeeded || this.isExpired(connection)) connection.destroy()
    else if (!this.serve(connection)) this.idle.push(connection)
  }

  lost(connection: Connection): void {
    this.all.delete(connection)
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
    if (this.waiting > 0) this.serve(this.open())
    else if (this.all.size === 0) this.house.emptied()
  }

  /** @internal A connection that is there, or may be opened. */
  take(): Connection | undefined {
    if (this.waiting > 0) return undefined
    for (let found = this.idle.pop(); found !== undefined; found = this.idle.pop()) {
      if (!this.isExpired(found)) return found
      this.idle.push(found) // where it is looked for
      found.destroy()
    }
    return this.all.size < this.limits.maxSize ? this.open() : undefined
  }

  /** @internal False where too many wait already. */
  enter(waiter: Acquire): boolean {
    if (this.waiting >= this.limits.queue) {
      this.house.refused()
      return false
    }
    this.waiting++
    this.waiters.push(waiter)
    return true
  }

  /** @internal */
  leave(waiter: Acquire): void {
    if (this.waiters.remove(waiter)) this.waiting--
  }

  /** @internal */
  refusal(): Refused {
    const { maxSize, queue } = this.limits
    const why = `its ${maxSize} connections are busy, and ${queue} requests wait for one already`
    return new Refused('connection pool', this.origin, why, undefined)
  }

  /** Gives it to the first one in line; false if nobody is there. */
  private serve(connection: Connection): boolean {
    const waiter = this.waiters.shift()
    if (waiter === undefined) return false
    this.waiting--
    return waiter.complete(connection)
  }

  private open(): Connection {
    const shorter = (lifetimeSpread * scheduler().random.below(1000)) / 1000
    const connection = new Connection(this.undici, this, this.limits.maxLifetimeMs * (1 - shorter))
    this.all.add(connection)
    return connection
  }

  private isExpired({ sinceMs, lifetimeMs }: Connection): boolean {
    return this.now() - sinceMs >= lifetimeMs
  }
}

class Acquire extends Operation<Connection> {
  constructor(private readonly pool: OriginPool) {
    super()
  }

  override get waitReason(): string {
    return 'connection'
  }

  override attempt(): boolean {
    const connection = this.pool.take()
    return connection !== undefined && this.complete(connection)
  }

  override park(): void {
    if (!this.pool.enter(this)) this.fail(this.pool.refusal())
  }

  override unpark(): void {
    this.pool.leave(this)
  }
}
