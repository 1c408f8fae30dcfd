import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { RawClient } from '../serving/raw-client.js'
import { cleanUp, pause, program, type Running, site } from './processes.js'

const clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await cleanUp()
})

async function connected(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port)
  clients.push(client)
  return client
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`

/** Two processes on one socket, and who replaces them. */
async function supervised(): Promise<{ supervisor: Running; port: number }> {
  const holder = createServer()
  holder.listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  // Not in Node's types. The server itself would do according to Node's documentation, and does not.
  const { fd } = (holder as unknown as { _handle: { fd: number } })._handle
  const supervisor = program('http-supervisor', [JSON.stringify({ graceMs: 5000 })], {
    stdio: ['ignore', 'pipe', 'pipe', fd],
    leads: true,
  })
  holder.close() // the supervisor has a descriptor of its own, and connections wait in the socket's queue
  await supervisor.until(/^ready$/m)
  return { supervisor, port }
}

/** A client that keeps its connection until it is told that a response was the last, and resends nothing. */
class Loyal {
  answers = 0
  connections = 0
  readonly failures: string[] = []
  readonly pids = new Set<string>()
  private isOver = false
  private readonly life: Promise<void>

  constructor(
    private readonly port: number,
    private readonly name: string,
  ) {
    this.life = this.live()
  }

  async end(): Promise<void> {
    this.isOver = true
    await this.life
  }

  private async live(): Promise<void> {
    while (!this.isOver && this.failures.length < 5) {
      try {
        await this.converse(await RawClient.connect(this.port))
      } catch (error) {
        this.failures.push(String(error))
      }
    }
  }

  private async converse(client: RawClient): Promise<void> {
    this.connections++
    for (let isLast = false; !isLast && !this.isOver; this.answers++) {
      const body = `${this.name} ${this.answers}`
      const [response] = await client.send(post(`/echo/${this.answers}`, body)).responses(1)
      if (response?.status !== 200 || JSON.parse(response.body).body !== body)
        this.failures.push(`${body} was answered with ${JSON.stringify(response)}`)
      isLast = /^connection: close$/im.test(response?.head ?? '')
    }
    client.close()
  }
}

describe('a restart of two processes on one socket, one after the other', () => {
  it('drops no request, under load, several times', { timeout: 60_000 }, async () => {
    const rounds = 3
    const { supervisor, port } = await supervised()
    const crowd = Array.from({ length: 24 }, (_, i) => new Loyal(port, `client ${i}`))
    for (let round = 1; round <= rounds; round++) {
      supervisor.kill('SIGHUP')
      await supervisor.until(new RegExp(`(replaced[^]*){${round}}`))
    }
    await Promise.all(crowd.map((each) => each.end()))
    supervisor.kill('SIGTERM')
    const { code, stdout, stderr } = await supervisor.ended

    expect(crowd.flatMap(({ failures }) => failures)).toEqual([])
    const answers = crowd.reduce((sum, each) => sum + each.answers, 0)
    expect(answers).toBeGreaterThan(1000)
    // Each round has taken from every client the connection that it had.
    expect(crowd.every(({ connections }) => connections > rounds)).toBe(true)
    expect(stdout.match(/ended with .*/g)).toEqual(
      Array.from({ length: 2 * rounds + 2 }, () => 'ended with 0'),
    )
    expect([code, stderr]).toEqual([0, ''])
  })
})

describe.each([
  ['in main()', false],
  ['without main()', true],
])('SIGTERM to a server %s', (_, isBare) => {
  it('lets what is under way finish, says that it was the last, and ends with code 0', async () => {
    const { process, port } = await site({ isBare })
    const [slow, uploading, idle] = [await connected(port), await connected(port), await connected(port)]
    await idle.send(get('/')).responses(1)
    slow.send(get('/slow?ms=800'))
    uploading.send(post('/echo/x', 'whole').slice(0, -2))
    await pause(100)
    process.kill('SIGTERM')
    await pause(200)
    uploading.send('le')
    for (const client of [slow, uploading]) {
      const [response] = await client.responses(1)
      expect(response?.status).toBe(200)
      expect(response?.head).toMatch(/^Connection: close$/m)
    }
    await idle.closed()
    expect(await process.ended).toMatchObject({
      code: 0,
      stdout: `listening ${port}\nended, 0 left\n`,
      stderr: '',
    })
  })

  it('a second one ends the process at once', async () => {
    const { process, port } = await site({ isBare })
    const client = (await connected(port)).send(get('/slow?ms=30000'))
    await pause(100)
    process.kill('SIGTERM')
    await pause(200)
    const secondMs = performance.now()
    process.kill('SIGTERM')
    expect(await process.ended).toMatchObject({ code: 143 })
    expect(performance.now() - secondMs).toBeLessThan(1500)
    expect(await client.closed()).toBe('')
  })

  it('after the grace period, ends the contexts and the connections of what is left, with code 0', async () => {
    const { process, port } = await site({ isBare, graceMs: 600 })
    const client = (await connected(port)).send(get('/slow?ms=30000'))
    await pause(100)
    const startMs = performance.now()
    process.kill('SIGTERM')
    await client.closed()
    expect(performance.now() - startMs).toBeGreaterThan(500)
    expect(await process.ended).toMatchObject({
      code: 0,
      stdout: `listening ${port}\nended, 1 left\n`,
      stderr: '',
    })
    expect(performance.now() - startMs).toBeLessThan(3000)
  })
})

describe('a server that shuts down', () => {
  it('says so on /readyz, and answers others until the load balancer has noticed', async () => {
    const { process, port, url } = await site({ lameDuckMs: 1200 })
    const old = await connected(port)
    expect(await old.send(get('/readyz')).responses(1)).toMatchObject([{ status: 200 }])
    process.kill('SIGTERM')
    await pause(300)
    expect(await old.send(get('/readyz')).responses(1)).toMatchObject([{ status: 503 }])
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/`)).status).toBe(200)
    expect(await process.ended).toMatchObject({ code: 0 })
    await expect(fetch(url)).rejects.toThrow()
  })

  it('says goodbye to a WebSocket, and to a stream of events by its regular end', async () => {
    const { process, port } = await site({ graceMs: 5000 })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await once(socket, 'open')
    const events = (await connected(port)).send(get('/events'))
    await events.until('id: 2\n')
    const closed = once(socket, 'close')
    const startMs = performance.now()
    process.kill('SIGTERM')
    const [code] = await closed
    expect(code).toBe(1001)
    expect(await events.closed()).toMatch(/(^|\r\n)0\r\n\r\n$/)
    expect(await process.ended).toMatchObject({ code: 0, stderr: '' })
    expect(performance.now() - startMs).toBeLessThan(3000)
  })

  it('keeps idle connections until it accepts no more', async () => {
    const { process, port } = await site({ lameDuckMs: 3000 })
    const idle = await connected(port)
    await idle.send(get('/')).responses(1)
    await pause(500)
    process.kill('SIGTERM')
    await pause(2000)
    const [response] = await idle.send(get('/')).responses(1)
    expect(response).toMatchObject({ status: 200 })
    expect(response?.head).toMatch(/^Connection: close$/m)
    expect(await process.ended).toMatchObject({ code: 0 })
  })

  it('does not wait for a client that has connected and asked for nothing', async () => {
    const { process, port } = await site()
    const silent = await connected(port)
    await (await connected(port)).send(get('/')).responses(1)
    const startMs = performance.now()
    process.kill('SIGTERM')
    await silent.closed()
    expect(await process.ended).toMatchObject({ code: 0 })
    expect(performance.now() - startMs).toBeLessThan(3000)
  })
})
