import { Refused } from '../../resilience/refused.js'
import {
  type ClientLimits,
  type ClientTlsOptions,
  connectorOptionsOf,
  lineOptionsOf,
} from './client-options.js'
import { OriginPool, type OriginStats, type PoolHouse } from './origin-pool.js'
import type { ConnectorOptions, LineOptions, Undici } from './undici.js'

/** The servers that a client has connections to. */
export class Origins implements PoolHouse {
  /** Connections that were opened, and requests that were refused because too many waited. */
  openedCount = 0
  refusedCount = 0
  private readonly pools = new Map<string, OriginPool>()
  private readonly lineOptions: LineOptions
  private readonly connectorOptions: ConnectorOptions

  constructor(
    private readonly limits: ClientLimits,
    tls: ClientTlsOptions | undefined,
    private readonly onEmpty: () => void,
  ) {
    this.lineOptions = lineOptionsOf(limits)
    this.connectorOptions = connectorOptionsOf(limits, tls)
  }

  /** The connections to a server. Throws `Refused` where there are too many servers already, all in use. */
  poolOf(origin: string, undici: Undici): OriginPool {
    let pool = this.pools.get(origin)
    if (pool === undefined) {
      this.makeRoom(origin)
      const connector = undici.buildConnector(this.connectorOptions)
      pool = new OriginPool(origin, this.lineOptions, connector, undici, this.limits, this)
      this.pools.set(origin, pool)
    }
    return pool
  }

  get isEmpty(): boolean {
    return this.stats().every(({ connections, waiting }) => connections + waiting === 0)
  }

  stats(): OriginStats[] {
    return [...this.pools.values()].map((pool) => pool.stats())
  }

  close(): void {
    for (const pool of this.pools.values()) pool.close()
  }

  cut(reason: Error): void {
    for (const pool of this.pools.values()) pool.cut(reason)
  }

  opened(): void {
    this.openedCount++
  }

  refused(): void {
    this.refusedCount++
  }

  emptied(): void {
    this.onEmpty()
  }

  /** Forgets the server that was new the longest ago and is not in use. */
  private makeRoom(origin: string): void {
    const { maxOrigins } = this.limits
    if (this.pools.size < maxOrigins) return
    for (const [name, pool] of this.pools) {
      if (!pool.isIdle) continue
      pool.close()
      this.pools.delete(name)
      return
    }
    this.refusedCount++
    throw new Refused(
      'connection pool',
      origin,
      `there are connections to ${maxOrigins} servers already`,
      undefined,
    )
  }
}
