import type { OurServer, ServerPeer } from '../servers.js'

/** One measurement of servers, ours and the peers', that gives a row for each of ours. */
export interface ServerCase {
  readonly name: string
  /** The case's name in wrk.lua; `idle` is not a matter of wrk. */
  readonly id: 'hello' | 'pipelined' | 'orders' | 'idle'
  readonly unit: 'req/s' | 'bytes'
  readonly better: 'higher' | 'lower'
  readonly connections: number
  readonly peers: readonly ServerPeer[]
  readonly rows: readonly ServerRow[]
  /** What both sides do, where the name alone could mislead. */
  readonly note?: string
}

interface ServerRow {
  readonly ours: OurServer
  /** Those of the case that say something about this row; without it all. */
  readonly peers?: readonly ServerPeer[]
  /** Ours divided by the peer's has to be at least this, or at most where lower is better. */
  readonly targets: Partial<Record<ServerPeer, number>>
}

const all = ['node:http', 'fastify', 'hono', 'go net/http', 'gin', 'fasthttp', 'bun'] as const

/** The targets hold for goroutines, and for plain functions with them; a Hono app is compared with itself on Node. */
function ours(targets: ServerRow['targets']): ServerRow[] {
  return [
    { ours: 'goroutine handlers', targets },
    { ours: 'plain handlers', targets },
  ]
}
const honoApp: ServerRow = { ours: 'a Hono app', peers: ['hono'], targets: {} }

/** performance.md, suite `http`. */
export const http: readonly ServerCase[] = [
  {
    name: 'keep-alive, 64 connections',
    id: 'hello',
    unit: 'req/s',
    better: 'higher',
    connections: 64,
    peers: all,
    rows: [...ours({ fastify: 2, gin: 1.3, fasthttp: 1, bun: 1 }), honoApp],
  },
  {
    name: 'pipelined 16 deep, 64 connections',
    id: 'pipelined',
    unit: 'req/s',
    better: 'higher',
    connections: 64,
    peers: all,
    rows: ours({ fasthttp: 10 / 9 }),
  },
  {
    name: 'JSON body, parameterised route, schema',
    id: 'orders',
    unit: 'req/s',
    better: 'higher',
    connections: 64,
    peers: all,
    rows: [...ours({ fastify: 1.5, gin: 1 }), honoApp],
    note: 'validated by zod in ours, hono, node:http and bun, by ajv in fastify, by its validator in gin, by hand in fasthttp and go net/http; fastify also serialises by a schema',
  },
  {
    name: '10,000 idle connections: memory each',
    id: 'idle',
    unit: 'bytes',
    better: 'lower',
    connections: 10_000,
    peers: ['node:http', 'go net/http'],
    rows: ours({ 'node:http': 0.5 }),
    note: 'growth of resident memory, after a collection; each connection has had one answer',
  },
]
