import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `sluice` as a user does, on the sources; `started` gets the means to send it a signal. */
function sluice(args: readonly string[], started?: (kill: (signal: NodeJS.Signals) => void) => void) {
  const env = { ...process.env }
  for (const ours of ['NODE_ENV', 'VITEST', 'SLUICE_DEBUG', 'NODE_OPTIONS']) delete env[ours]
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root, env })
  started?.((signal) => child.kill(signal))
  return new Promise<Ended>((resolve) => {
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** What is closed after each test. */
const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

/** Listens on a free port, and gives the URL; `sockets` counts the connections that were accepted. */
async function listen(server: Server, scheme = 'http', host = '127.0.0.1') {
  const open = new Set<Socket>()
  const seen = { url: '', sockets: 0, stop: () => {} }
  server.on('connection', (socket) => {
    seen.sockets++
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => {})
  })
  seen.stop = () => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  cleanUps.push(seen.stop)
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, host, () => resolve()))
  const { address, port } = server.address() as AddressInfo
  seen.url = `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}/`
  return seen
}

function serve(answer: RequestListener) {
  return listen(createHttp(answer))
}

/** A server that does to each request what `reply` says, however wrong. */
function serveRaw(reply: (socket: Socket, nth: number) => void) {
  let requests = 0
  return listen(createTcp((socket) => socket.on('data', () => reply(socket, ++requests))))
}

/** The JSON report of a run that must have succeeded. */
async function report(args: readonly string[]) {
  const { code, stdout, stderr } = await sluice(['bench', '--json', ...args])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

const hello = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

describe('sluice', () => {
  it('prints its commands with --help, and its version', async () => {
    const help = await sluice(['--help'])
    expect([help.code, help.stderr]).toEqual([0, ''])
    expect(help.stdout).toContain('bench [options] <url>')
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(await sluice(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it.each([
    [['nope'], "sluice: unknown command 'nope'"],
    [['bench'], "sluice: missing required argument 'url'"],
    [['bench', 'http://h/', '--frob'], "sluice: unknown option '--frob'"],
    [['bench', 'http://h/', '-c', '0'], "argument '0' is invalid. give a whole number from 1"],
    [['bench', 'http://h/', '-n', '-1'], "argument '-1' is invalid. give a whole number from 1"],
    [
      ['bench', 'http://h/', '--pipeline', '0'],
      "argument '0' is invalid. give a whole number from 1 to 256.",
    ],
    [['bench', 'http://h/', '--pipeline', '257'], "argument '257' is invalid. give a whole number from 1 to"],
    [
      ['bench', 'http://h/', '--pipeline', 'x'],
      "argument 'x' is invalid. give a whole number from 1 to 256.",
    ],
    [
      ['bench', 'http://h/', '--pipeline', '2', '--no-keepalive'],
      'sluice: --pipeline needs connections that are kept: leave out --no-keepalive',
    ],
    [['bench', 'http://h/', '--rate', '0'], "argument '0' is invalid. give a whole number from 1"],
    [
      ['bench', 'http://h/', '--rate', '10', '--pipeline', '2'],
      'sluice: --rate sends each request when it is due: leave out --pipeline',
    ],
    [['bench', 'http://h/', '-z', '0s'], "argument '0s' is invalid. give a time above zero"],
    [['bench', 'http://h/', '-t', 'soon'], "argument 'soon' is invalid. give a time above zero"],
    [['bench', 'http://h/', '-H', 'nonsense'], "argument 'nonsense' is invalid. write it as 'Name: value'"],
    [['bench', 'http://h/', '-d', '@/no/such'], "argument '@/no/such' is invalid. there is no such file"],
    [['bench', 'http://h/', '-m', 'G E T'], "sluice: 'G E T' is not an HTTP method: use GET, POST, PUT"],
    [['bench', 'nonsense'], "sluice: 'nonsense' is not a URL: write it like http://"],
    [['bench', 'localhost:80'], "sluice: 'localhost:80' does not begin with http://"],
  ])('refuses %j with a line that says what to write instead', async (args, message) => {
    const { code, stdout, stderr } = await sluice(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr.split('\n')[0]).toContain(message)
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
  })
})

describe('sluice bench', () => {
  it('sends as many requests as -n says, over as many connections as -c says', async () => {
    let requests = 0
    const server = await serve((_, response) => {
      requests++
      response.end('hello')
    })
    const { summary, statusCodeDistribution, errorDistribution } = await report([
      server.url,
      '-n',
      '50',
      '-c',
      '3',
    ])
    expect([requests, server.sockets]).toEqual([50, 3])
    expect(summary).toMatchObject({ successRate: 1, totalData: 250, sizePerRequest: 5, unfinished: 0 })
    expect([statusCodeDistribution, errorDistribution]).toEqual([{ 200: 50 }, {}])
  })

  it('prints the report, and nothing else where standard error is no terminal', async () => {
    const { url } = await serve((_, response) => response.end('hello'))
    const { code, stdout, stderr } = await sluice(['bench', url, '-n', '20'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n').filter((line) => /^\S/.test(line))).toEqual([
      'Summary:',
      'Response time histogram:',
      'Response time distribution:',
      'Details (average, fastest, slowest):',
      'Status code distribution:',
    ])
    expect(stdout).toContain('[200] 20 responses')
    expect(stdout).not.toContain('\u001b')
  })

  it('goes on for as long as -z says, and lists apart what was under way then', async () => {
    const { url } = await serveRaw((socket, nth) => nth <= 2 && socket.write(hello))
    const { summary, statusCodeDistribution, errorDistribution } = await report([
      url,
      '-z',
      '400ms',
      '-c',
      '2',
    ])
    expect(summary.total).toBeGreaterThanOrEqual(0.4)
    expect(summary).toMatchObject({ successRate: 1, unfinished: 2 })
    expect([statusCodeDistribution, errorDistribution]).toEqual([{ 200: 2 }, {}])
  })

  it('sends the method, headers and body that it is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-'))
    cleanUps.push(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'order.json'), '{"item":1}')
    const seen: unknown[] = []
    const { url } = await serve(async (request, response) => {
      const body = (await request.toArray()).join('')
      seen.push([request.method, request.url, request.headers['x-a'], request.headers['content-type'], body])
      response.writeHead(201).end()
    })
    const headers = ['-H', 'X-A: 1', '-H', 'Content-Type: application/json']
    const body = `@${join(folder, 'order.json')}`
    const result = await report([`${url}orders?a=b`, '-n', '1', '-m', 'put', ...headers, '-d', body])
    expect(result.statusCodeDistribution).toEqual({ 201: 1 })
    expect(seen).toEqual([['PUT', '/orders?a=b', '1', 'application/json', '{"item":1}']])
  })

  it('understands an answer to HEAD, and one in chunks', async () => {
    const { url } = await serve((request, response) => {
      if (request.method === 'HEAD') response.setHeader('Content-Length', 5).end()
      else {
        response.write('hello')
        setImmediate(() => response.end(' world'))
      }
    })
    const head = await report([url, '-n', '10', '-c', '2', '-m', 'HEAD'])
    expect([head.statusCodeDistribution, head.summary.totalData]).toEqual([{ 200: 10 }, 0])
    const chunked = await report([url, '-n', '10', '-c', '2'])
    expect([chunked.statusCodeDistribution, chunked.summary.totalData]).toEqual([{ 200: 10 }, 110])
  })

  it('connects again where the server does not keep connections', async () => {
    const server = await serve((_, response) => response.setHeader('Connection', 'close').end('hello'))
    const result = await report([server.url, '-n', '12', '-c', '2'])
    expect([result.statusCodeDistribution, result.errorDistribution]).toEqual([{ 200: 12 }, {}])
    expect(server.sockets).toBe(12)
  })

  it('reads a body that ends with the connection', async () => {
    const { url } = await serveRaw((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nto the end'))
    const { summary, errorDistribution } = await report([url, '-n', '6', '-c', '2'])
    expect([summary.totalData, errorDistribution]).toEqual([60, {}])
  })

  it('opens a connection for each request with --no-keepalive', async () => {
    const server = await serveRaw((socket) => socket.write(hello))
    await report([server.url, '-n', '8', '-c', '2', '--no-keepalive'])
    expect(server.sockets).toBe(8)
  })

  it('counts responses by status, and a bad status is a response', async () => {
    let nth = 0
    const { url } = await serve((_, response) => response.writeHead(++nth % 4 === 0 ? 503 : 200).end())
    const { summary, statusCodeDistribution } = await report([url, '-n', '40', '-c', '4'])
    expect([summary.successRate, statusCodeDistribution]).toEqual([1, { 200: 30, 503: 10 }])
  })

  it('measures the time that the server takes', async () => {
    const { url } = await serve((_, response) => void setTimeout(() => response.end('slow'), 60))
    const { summary, latencyPercentiles } = await report([url, '-n', '8', '-c', '4'])
    expect(summary.fastest).toBeGreaterThan(0.055)
    expect(latencyPercentiles.p50).toBeGreaterThan(0.055)
  })

  it('reaches a server by its IPv6 address', async () => {
    const server = await listen(
      createHttp((_, response) => response.end('hello')),
      'http',
      '::1',
    )
    expect((await report([server.url, '-n', '4', '-c', '2'])).statusCodeDistribution).toEqual({ 200: 4 })
  })

  it('takes port 80 where the URL names none', async () => {
    const { code, stdout, stderr } = await sluice(['bench', 'http://127.0.0.77/', '-t', '2s'])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^sluice: no connection to 127\.0\.0\.77:80: .*; is the server running there\?\n$/)
  })

  it('speaks TLS to a server with a certificate of its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-'))
    cleanUps.push(() => rmSync(folder, { recursive: true }))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const request =
      '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost'
    execFileSync('openssl', ['req', ...request.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
    const options = { key: readFileSync(key), cert: readFileSync(cert) }
    const server = await listen(
      createHttps(options, (_, response) => response.end('hello')),
      'https',
    )
    const { statusCodeDistribution, details } = await report([server.url, '-n', '6', '-c', '2'])
    expect(statusCodeDistribution).toEqual({ 200: 6 })
    expect(details.DNSDialup.fastest).toBeGreaterThan(0)
    const pipelined = await report([server.url, '-n', '60', '-c', '2', '--pipeline', '8'])
    expect([pipelined.statusCodeDistribution, pipelined.errorDistribution]).toEqual([{ 200: 60 }, {}])
  })
})

/**
 * A server that reads requests without a body and does what `react` says when it has `at` of them, and `at` more, on a
 * connection; `requests` counts them all.
 */
async function serveEach(at: number, react: (socket: Socket) => void) {
  const seen = { url: '', requests: 0 }
  const server = createTcp((socket) => {
    let [rest, waiting] = ['', 0]
    socket.on('data', (chunk) => {
      const heads = (rest + chunk).split('\r\n\r\n')
      rest = heads.pop() ?? ''
      seen.requests += heads.length
      waiting += heads.length
      for (; waiting >= at; waiting -= at) react(socket)
    })
  })
  seen.url = (await listen(server)).url
  return seen
}

describe('sluice bench --rate', () => {
  it('sends so many a second, on no more connections than that takes', async () => {
    const cameMs: number[] = []
    const server = await serve((_, response) => {
      cameMs.push(performance.now())
      response.end('hello')
    })
    const { summary } = await report([server.url, '--rate', '100', '-n', '51', '-c', '40'])
    expect(summary).toMatchObject({ successRate: 1, offeredPerSec: 100, late: 0, unfinished: 0 })
    expect(cameMs.length).toBe(51)
    // The last one is due half a second after the first; none comes before it is due.
    expect((cameMs.at(-1) ?? 0) - (cameMs[0] ?? 0)).toBeGreaterThan(400)
    expect(server.sockets).toBeLessThan(40)
  })

  it('counts from when a request was due where no connection was free', async () => {
    const { url } = await serve((_, response) => void setTimeout(() => response.end('hello'), 100))
    const { summary, errorDistribution } = await report([url, '--rate', '100', '-n', '20', '-c', '1'])
    // Each takes 100 ms, and one comes every 10 ms: the last one waits for 19 * 90 ms before it is sent.
    expect(summary).toMatchObject({ successRate: 1, late: 19 })
    expect(summary.slowest).toBeGreaterThan(1.7)
    expect(errorDistribution).toEqual({})
  })

  it('gives up on those that have waited for a connection for longer than -t, and sends them no more', async () => {
    let requests = 0
    const { url } = await serve((_, response) => {
      requests++
      setTimeout(() => response.end('hello'), 100)
    })
    const result = await report([url, '--rate', '100', '-n', '50', '-c', '1', '-t', '300ms'])
    const timeouts = result.errorDistribution.timeout
    expect(timeouts + result.statusCodeDistribution[200]).toBe(50)
    expect(timeouts).toBeGreaterThan(20)
    expect(requests).toBeLessThan(50)
  })

  it('lists apart what was due and had no connection when time was up', async () => {
    const { url } = await serve((_, response) => void setTimeout(() => response.end('hello'), 300))
    const { summary, statusCodeDistribution } = await report([url, '--rate', '50', '-z', '700ms', '-c', '1'])
    expect([statusCodeDistribution, summary.unfinished > 20]).toEqual([{ 200: 2 }, true])
  })

  it('goes on while the server closes connections', async () => {
    const { url } = await serve((_, response) => response.setHeader('Connection', 'close').end('hello'))
    const result = await report([url, '--rate', '200', '-n', '40', '-c', '3'])
    expect([result.statusCodeDistribution, result.errorDistribution]).toEqual([{ 200: 40 }, {}])
  })
})

describe('sluice bench --pipeline', () => {
  it('keeps so many requests in flight on each connection, and sends as many in all as -n says', async () => {
    const inFlight = new Map<Socket, number>()
    const bodies = new Map<string, number>()
    let most = 0
    const { url } = await serve((request, response) => {
      const { socket } = request
      const now = (inFlight.get(socket) ?? 0) + 1
      inFlight.set(socket, now)
      most = Math.max(most, now)
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        bodies.set(body, (bodies.get(body) ?? 0) + 1)
        setImmediate(() => {
          inFlight.set(socket, (inFlight.get(socket) ?? 0) - 1)
          response.end('hello')
        })
      })
    })
    const result = await report([url, '-n', '1003', '-c', '3', '--pipeline', '16', '-d', '{"item":1}'])
    expect([most, inFlight.size, [...bodies]]).toEqual([16, 3, [['{"item":1}', 1003]]])
    expect(result.summary).toMatchObject({ successRate: 1, totalData: 5015, unfinished: 0 })
    expect([result.statusCodeDistribution, result.errorDistribution]).toEqual([{ 200: 1003 }, {}])
  })

  it('sends the first ones in one write, then in one write as many as a read has answered', async () => {
    const reads: number[] = []
    const { url } = await listen(
      createTcp((socket) =>
        socket.on('data', (chunk) => {
          reads.push(String(chunk).split('\r\n\r\n').length - 1)
          socket.write(hello.repeat([3, 1, 4, 2][reads.length - 1] ?? 0))
        }),
      ),
    )
    await report([url, '-n', '10', '-c', '1', '--pipeline', '4'])
    expect(reads).toEqual([4, 3, 1, 2])
  })

  it('opens no connection that would have nothing to send', async () => {
    const server = await serve((_, response) => response.end('hello'))
    const result = await report([server.url, '-n', '20', '-c', '50', '--pipeline', '8'])
    expect([server.sockets, result.statusCodeDistribution]).toEqual([3, { 200: 20 }])
  })

  it('measures each request from its own write to the last byte of its own response', async () => {
    const { url } = await serveEach(3, (socket) => {
      socket.write(hello.slice(0, -1)) // the first byte of the first response comes at once, its last one later
      setTimeout(() => socket.write(hello.slice(-1)), 100)
      setTimeout(() => socket.write(hello.repeat(2)), 300)
    })
    const { summary, details } = await report([url, '-n', '3', '-c', '1', '--pipeline', '3'])
    expect(summary.fastest).toBeGreaterThan(0.095)
    expect(summary.slowest).toBeGreaterThan(0.295)
    expect(summary.average).toBeGreaterThan((0.095 + 2 * 0.295) / 3)
    expect(details.firstByte.fastest).toBeLessThan(summary.fastest - 0.05)
    expect(details.firstByte.slowest).toBeGreaterThan(0.295)
  })

  it('lists apart what was in flight when time was up', async () => {
    const server = await serveEach(8, (socket) => socket.write(hello.repeat(3)))
    const args = [server.url, '-z', '400ms', '-c', '2', '--pipeline', '8']
    const { summary, statusCodeDistribution, errorDistribution } = await report(args)
    expect(summary).toMatchObject({ successRate: 1, unfinished: 16 })
    expect([statusCodeDistribution, errorDistribution]).toEqual([{ 200: 6 }, {}])
    expect(server.requests).toBe(22)
  })

  const farewell = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello'
  const byClosing = 'HTTP/1.1 200 OK\r\n\r\nhello'
  it.each([
    ['says Connection: close', farewell, 8, 'connection ended by an earlier response'],
    ['ends a body by closing', byClosing, 8, 'connection ended by an earlier response'],
    ['closes without saying so', hello, 4, 'connection closed before the response'],
  ])(
    'counts as errors what a server leaves unanswered that %s, and does not send it again',
    async (_, reply, requests, kind) => {
      const server = await serveEach(4, (socket) => socket.end(reply))
      const args = [server.url, '-n', String(requests), '-c', '1', '--pipeline', '4']
      const { statusCodeDistribution, errorDistribution } = await report(args)
      expect(statusCodeDistribution).toEqual({ 200: requests / 4 })
      expect(errorDistribution).toEqual({ [kind]: (requests / 4) * 3 })
      expect(server.requests).toBe(requests)
    },
  )

  it('goes on over a new connection after one that was closed amid the pipeline', async () => {
    let served = 0
    const server = await serveRaw((socket) => (++served % 3 === 0 ? socket.destroy() : socket.write(hello)))
    const result = await report([server.url, '-n', '300', '-c', '4', '--pipeline', '5', '-t', '300ms'])
    const errors = Object.values<number>(result.errorDistribution).reduce((sum, count) => sum + count, 0)
    expect(result.statusCodeDistribution[200] + errors).toBe(300)
    expect(server.sockets).toBeGreaterThan(4)
  })

  it('counts a bad response once, and what was behind it apart', async () => {
    const { url } = await serveEach(4, (socket) => socket.write(`${hello}nonsense`))
    const { errorDistribution } = await report([url, '-n', '4', '-c', '1', '--pipeline', '4'])
    expect(errorDistribution).toEqual({
      'bad response: not an HTTP/1.1 response: "nonsense"': 1,
      'connection ended by an earlier response': 2,
    })
  })

  it('gives up after -t on what has waited for so long, and with it on what was sent later', async () => {
    const { url } = await serveEach(4, (socket) => setTimeout(() => socket.write(hello), 400))
    const args = [url, '-n', '5', '-c', '1', '--pipeline', '4', '-t', '800ms']
    const { statusCodeDistribution, errorDistribution } = await report(args)
    expect(statusCodeDistribution).toEqual({ 200: 1 })
    expect(errorDistribution).toEqual({ timeout: 3, 'connection ended by an earlier timeout': 1 })
  })
})

describe('sluice bench against a server that fails', () => {
  it('names the address that refuses connections', async () => {
    const { url, stop } = await serveRaw(() => {})
    stop()
    const { host } = new URL(url)
    expect(await sluice(['bench', url])).toEqual({
      code: 1,
      stdout: '',
      stderr: `sluice: no connection to ${host}: connection refused; is the server running there?\n`,
    })
  })

  it('names a host that is not known', async () => {
    const { code, stderr } = await sluice(['bench', 'http://no-such-host.invalid/'])
    expect([code, stderr]).toEqual([
      1,
      'sluice: no connection to no-such-host.invalid:80: host not found; is the server running there?\n',
    ])
  })

  it('gives up on requests that hang after -t', async () => {
    const { url } = await serveRaw(() => {})
    const { code, stdout, stderr } = await sluice(['bench', url, '-n', '4', '-c', '2', '-t', '200ms'])
    expect([code, stderr]).toEqual([
      1,
      `sluice: every request to ${url} failed, most with 'timeout': does an HTTP server answer there?\n`,
    ])
    expect(stdout).toContain('Error distribution:\n  [4] timeout\n')
  })

  it('ends in time although every request hangs, and says what to do', async () => {
    const { url } = await serveRaw(() => {})
    const { code, stdout, stderr } = await sluice(['bench', url, '-z', '300ms', '-c', '3'])
    expect(code).toBe(1)
    expect(stdout).toContain('3 requests were under way when the run ended; not counted above.')
    expect(stderr).toMatch(
      /^sluice: no response from .* within .*: raise -z, or find out why the server hangs\n$/,
    )
  })

  it.each([
    [
      'sends another protocol',
      'SSH-2.0-OpenSSH\r\n',
      'bad response: not an HTTP/1.1 response: "SSH-2.0-OpenSSH\\r\\n"',
    ],
    ['sends half a response and closes', hello.slice(0, -2), 'connection closed before the response'],
    ['closes without a word', '', 'connection closed before the response'],
  ])('reports a server that %s', async (_, reply, kind) => {
    const { url } = await serveRaw((socket) => socket.end(reply))
    const { code, stdout, stderr } = await sluice(['bench', url, '-n', '6', '-c', '2'])
    expect([code, stdout.match(/\[6\] (.*)/)?.[1]]).toEqual([1, kind])
    expect(stderr).toBe(
      `sluice: every request to ${url} failed, most with '${kind}': does an HTTP server answer there?\n`,
    )
  })

  it('goes on after a response that was cut short, on a new connection', async () => {
    const { url } = await serveRaw((socket, nth) => {
      if (nth === 2) socket.end(hello.slice(0, -2))
      else socket.write(hello)
    })
    const { statusCodeDistribution, errorDistribution } = await report([url, '-n', '5', '-c', '1'])
    expect(statusCodeDistribution).toEqual({ 200: 4 })
    expect(errorDistribution).toEqual({ 'connection closed before the response': 1 })
  })

  it('leaves a report with the errors counted when the server dies amid the run', async () => {
    const server = await serveRaw((socket, nth) => {
      if (nth < 50) socket.write(hello)
      else server.stop()
    })
    const { summary, statusCodeDistribution, errorDistribution } = await report([
      server.url,
      '-n',
      '100',
      '-c',
      '4',
    ])
    const errors = Object.values<number>(errorDistribution).reduce((sum, count) => sum + count, 0)
    expect(statusCodeDistribution[200] + errors).toBe(100)
    expect(statusCodeDistribution[200]).toBeLessThan(50)
    expect(errorDistribution['connection refused']).toBeGreaterThan(40)
    expect(summary.successRate).toBe(statusCodeDistribution[200] / 100)
  })
})

describe.each([
  ['Ctrl-C', 'SIGINT', 130],
  ['SIGTERM', 'SIGTERM', 143],
] as const)('%s', (_, signal, exitCode) => {
  it.each(['1', '8'])(`ends a run with its report and code ${exitCode}, --pipeline %s`, async (depth) => {
    let send = () => {}
    const { url } = await serveRaw((socket, nth) => {
      socket.write(hello)
      if (nth === 100) send()
    })
    const args = ['bench', url, '-z', '1m', '--pipeline', depth]
    const { code, stdout, stderr } = await sluice(args, (kill) => {
      send = () => kill(signal)
    })
    expect([code, stderr]).toEqual([exitCode, ''])
    expect(stdout).toMatch(/^Summary \(interrupted\):\n {2}Success rate: 100\.00%\n/)
    expect(stdout).toMatch(/\[200\] \d{2,} responses/)
  })

  it(`ends a run that is still connecting, with code ${exitCode}`, async () => {
    let send = () => {}
    const silent = await listen(
      createTcp(() => send()),
      'https',
    )
    const ended = await sluice(['bench', silent.url], (kill) => {
      send = () => kill(signal)
    })
    expect(ended).toEqual({ code: exitCode, stdout: '', stderr: '' })
  })
})
