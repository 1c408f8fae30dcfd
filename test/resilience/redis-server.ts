import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from 'redis'
import { newFolder, type Running, start, tool } from '../e2e/processes.js'

/** A Redis of the test's own, that keeps nothing, on a socket in a folder of its own. `cleanUp` of processes.ts ends it. */
export class RedisServer {
  readonly path = join(newFolder(), 'redis.sock')
  private running: Running | undefined = undefined

  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(options)
    await server.start()
    return server
  }

  private constructor(private readonly options: readonly string[]) {}

  async start(): Promise<void> {
    rmSync(this.path, { force: true })
    const keepsNothing = ['--port', '0', '--save', '', '--appendonly', 'no', '--daemonize', 'no']
    const place = ['--unixsocket', this.path, '--dir', join(this.path, '..')]
    this.running = start(tool('redis-server', 'redis-server'), [...keepsNothing, ...place, ...this.options])
    await this.running.until(/ready to accept connections/i)
  }

  /** Ends it as a machine that fails does. */
  async kill(): Promise<void> {
    await this.running?.end()
  }

  /** It stands still: connections stay, and nothing answers. */
  pause(): void {
    this.running?.kill('SIGSTOP')
  }

  resume(): void {
    this.running?.kill('SIGCONT')
  }

  /** A client that is connected, and connects again soon after it has lost its connection. */
  async client(user?: { username: string; password: string }) {
    const client = createClient({
      ...user,
      socket: { path: this.path, tls: false, reconnectStrategy: 50, connectTimeout: 500 },
    })
    client.on('error', () => {}) // each lost connection is one
    await client.connect()
    return client
  }
}

export type TestClient = Awaited<ReturnType<RedisServer['client']>>
