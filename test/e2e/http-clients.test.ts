import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, newFolder, pause, run, type Site, site, start, statsOf, tool } from './processes.js'

let server: Site
let folder: string
const body = randomBytes(3 * 1024 * 1024)
const sha256 = createHash('sha256').update(body).digest('hex')

beforeAll(async () => {
  folder = newFolder()
  writeFileSync(join(folder, 'body'), body)
  server = await site({ folder, limits: { bodyBytes: 1024 * 1024 } })
}, 60_000)

afterAll(cleanUp, 30_000)

describe('curl', () => {
  const curl = (...args: string[]) => run(tool('curl', 'curl'), ['-sS', '--max-time', '20', ...args])

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'REPORT'])('has its %s answered', async (method) => {
    const answer = JSON.parse(await curl('-X', method, '--data', 'a=b', `${server.url}/echo/x?y=z`))
    expect(answer).toMatchObject({ method, target: '/echo/x?y=z', body: 'a=b', httpVersion: '1.1' })
  })

  it('has HEAD answered with the head that GET has, and OPTIONS with the methods', async () => {
    const without = (head: string) => head.replace(/^date:.*$/im, '')
    const head = await curl('-I', `${server.url}/files/body`)
    expect(head).toContain(`Content-Length: ${body.length}`)
    expect(without(await curl('-D', '-', '-o', '/dev/null', `${server.url}/files/body`))).toBe(without(head))
    expect(await curl('-X', 'OPTIONS', '-i', `${server.url}/upload`)).toMatch(/^Allow: .*POST/m)
  })

  it('gets a stream over HTTP/1.0, whose end is the end of the connection', async () => {
    const format = '%{http_version} %{http_code} %{size_download}'
    const url = `${server.url}/download?bytes=1000001`
    expect(await curl('--http1.0', '-o', '/dev/null', '-w', format, url)).toBe('1.1 200 1000001')
    expect(JSON.parse(await curl('--http1.0', `${server.url}/echo/x`)).httpVersion).toBe('1.0')
  })

  it('uses a connection again, over HTTP/1.0 as well if both say so', async () => {
    const format = '%{num_connects} '
    const again = ['-o', '/dev/null', '-w', format, `${server.url}/`]
    expect(await curl(...again, '--next', '-sS', ...again, '--next', '-sS', ...again)).toBe('1 0 0 ')
    const kept = ['--http1.0', '-H', 'Connection: keep-alive', ...again]
    expect(await curl(...kept, '--next', '-sS', ...kept)).toBe('1 0 ')
    const closed = ['-H', 'Connection: close', ...again]
    expect(await curl(...closed, '--next', '-sS', ...closed)).toBe('1 1 ')
  })

  it.each([
    ['with a length', ['-H', 'Expect:']],
    ['in chunks', ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect:']],
    ['after 100 Continue', ['-H', 'Expect: 100-continue', '-v']],
    ['from standard input', ['-T', '-']],
  ])('uploads %s', async (what, args) => {
    const isPiped = what === 'from standard input'
    const data = isPiped ? ['-X', 'POST'] : ['--data-binary', `@${join(folder, 'body')}`]
    const command = ['-sS', '--max-time', '20', ...args, ...data, `${server.url}/upload`]
    const curling = start(tool('curl', 'curl'), command, isPiped ? { input: body } : {})
    const { stdout, stderr } = await curling.ended
    expect(JSON.parse(stdout), stderr).toEqual({ bytes: body.length, sha256 })
    expect(/^< HTTP\/1.1 100 Continue/m.test(stderr)).toBe(what === 'after 100 Continue')
  })

  it('sends nothing of a body that is refused before 100 Continue', async () => {
    const format = '%{http_code} %{size_upload}'
    const data = ['-H', 'Expect: 100-continue', '--data-binary', `@${join(folder, 'body')}`]
    expect(await curl('-o', '/dev/null', '-w', format, ...data, `${server.url}/echo/x`)).toBe('413 0')
  })

  it('learns that a body is too large while it sends it', async () => {
    const data = [
      '-H',
      'Expect:',
      '-H',
      'Transfer-Encoding: chunked',
      '--data-binary',
      `@${join(folder, 'body')}`,
    ]
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', ...data, `${server.url}/echo/x`)).toBe('413')
  })

  it('gets a range, resumes a download, and gets 304 for what it has', async () => {
    const url = `${server.url}/files/body`
    const part = join(folder, 'part')
    await curl('-r', '0-999999', '-o', part, url)
    expect(readFileSync(part).equals(body.subarray(0, 1_000_000))).toBe(true)
    await curl('-C', '-', '-o', part, url)
    expect(readFileSync(part).equals(body)).toBe(true)
    const etag = join(folder, 'etag')
    await curl('--etag-save', etag, '-o', '/dev/null', url)
    expect(await curl('--etag-compare', etag, '-o', '/dev/null', '-w', '%{http_code}', url)).toBe('304')
    expect(await curl('-z', part, '-o', '/dev/null', '-w', '%{http_code}', url)).toBe('304')
    expect(await curl('-r', '9999999-', '-o', '/dev/null', '-w', '%{http_code}', url)).toBe('416')
  })

  it('reads server-sent events as they come, and the server notices when it leaves', async () => {
    const events = start(tool('curl', 'curl'), ['-sSN', `${server.url}/events?ms=10`])
    await events.until(/id: 5\n/)
    await events.end()
    const { problems } = await statsOf(server)
    expect(problems).toEqual([])
  })

  it('reaches a server on a Unix socket', async () => {
    const path = join(folder, 'server.sock')
    const other = start(process.execPath, [
      ...['--import', 'tsx', 'test/e2e/programs/http-site.ts'],
      JSON.stringify({ path }),
    ])
    await other.until(/^listening/m)
    expect(await curl('--unix-socket', path, 'http://any.host/')).toBe('hello')
    await other.end()
  })
})

describe('a client that is slow', () => {
  it.each([
    ['of a response', ''],
    ['of the last response of a connection', 'Connection: close\r\n'],
  ])('gets all %s, also when it does nothing for longer than the server lingers', async (_, header) => {
    const bytes = 24_000_000
    const socket = connect({ port: server.port, host: '127.0.0.1' })
    socket.write(`GET /blob?bytes=${bytes} HTTP/1.1\r\nHost: a\r\n${header}\r\n`)
    await new Promise((resolve) => socket.once('readable', resolve))
    await pause(4500)
    let received = 0
    for await (const piece of socket) {
      received += (piece as Buffer).length
      if (received > bytes) break
    }
    expect(received).toBeGreaterThan(bytes)
  })

  it('gets all of a large response that takes longer than the time limit for writing', async () => {
    const bytes = 30_000_000
    const other = await site({ timeouts: { writeMs: 1500 } })
    const command = ['-sS', '-o', '/dev/null', '-w', '%{size_download}', '--limit-rate', '6M']
    const { stdout } = await start(tool('curl', 'curl'), [...command, `${other.url}/blob?bytes=${bytes}`])
      .ended
    expect(stdout).toBe(`${bytes}`)
    await other.process.end()
  })
})

describe('a load tool', () => {
  it('wrk finds no error', async () => {
    const output = await run(tool('wrk', 'wrk'), ['-t', '1', '-c', '64', '-d', '2s', `${server.url}/`])
    expect(output).toMatch(/\d{4,} requests in/)
    expect(output).not.toMatch(/Socket errors|Non-2xx/)
  })

  it('wrk finds no error when it pipelines', async () => {
    const script = join(folder, 'pipeline.lua')
    writeFileSync(
      script,
      `init = function() local r = {}; for i = 1, 16 do r[i] = wrk.format(nil, "/") end; all = table.concat(r) end
       request = function() return all end`,
    )
    const output = await run(tool('wrk', 'wrk'), [
      ...['-t', '1', '-c', '16', '-d', '2s', '-s', script, `${server.url}/`],
    ])
    expect(output).toMatch(/\d{4,} requests in/)
    expect(output).not.toMatch(/Socket errors|Non-2xx/)
  })

  it('h2load --h1 has every request answered', async () => {
    const output = await run(tool('h2load', 'nghttp2-client'), [
      ...['--h1', '-n', '20000', '-c', '20', '-m', '8', `${server.url}/`],
    ])
    expect(output).toContain('requests: 20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed')
    expect(output).toContain('status codes: 20000 2xx, 0 3xx, 0 4xx, 0 5xx')
  })

  it('h2load --h1 has every upload answered', async () => {
    const file = join(folder, 'small')
    writeFileSync(file, randomBytes(50_000))
    const output = await run(tool('h2load', 'nghttp2-client'), [
      ...['--h1', '-n', '2000', '-c', '20', '-d', file, `${server.url}/upload`],
    ])
    expect(output).toContain('status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx')
  })
})

describe('Node', () => {
  it('fetch sends and receives bodies of every kind, many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const sent = i % 2 === 0 ? `body ${i}` : new Blob([`body ${i}`]).stream()
        const init = { method: 'POST', body: sent, duplex: 'half' } as RequestInit // not in the types yet
        const answer = await (await fetch(`${server.url}/echo/${i}`, init)).json()
        return (answer as { body: string }).body
      }),
    )
    expect(answers).toEqual(answers.map((_, i) => `body ${i}`))
  })

  it('fetch that is aborted ends the handler', async () => {
    const before = (await statsOf(server)).left
    const control = new AbortController()
    const answer = fetch(`${server.url}/slow?ms=20000`, { signal: control.signal })
    await pause(100)
    control.abort()
    await expect(answer).rejects.toThrow(/aborted/)
    for (let i = 0; i < 100 && (await statsOf(server)).left === before; i++) await pause(20)
    expect((await statsOf(server)).left).toBe(before + 1)
  })

  it('http.request keeps its connection, and waits for 100 Continue', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ports = new Set<number | undefined>()
    for (let i = 0; i < 20; i++) {
      const text = await new Promise<string>((resolve, reject) => {
        const headers = { Expect: '100-continue', 'Content-Length': 5 }
        const sent = request(`${server.url}/echo/${i}`, { agent, method: 'PUT', headers })
        sent.on('error', reject)
        sent.on('continue', () => sent.end('hello'))
        sent.on('response', (response) => {
          ports.add(response.socket.localPort)
          resolve(textOf(response))
        })
      })
      expect(JSON.parse(text)).toMatchObject({ method: 'PUT', body: 'hello' })
    }
    expect(ports.size).toBe(1)
    agent.destroy()
  })
})

describe('Python', () => {
  it('http.client keeps its connection, sends chunks and reads chunks', async () => {
    const script = `
import http.client, json
c = http.client.HTTPConnection('127.0.0.1', ${server.port}, timeout=10)
for i in range(100):
    c.request('POST', '/echo/%d' % i, body='body %d' % i)
    r = c.getresponse()
    assert (r.status, json.loads(r.read())['body']) == (200, 'body %d' % i)
    if i == 0: port = c.sock.getsockname()[1]
    assert c.sock.getsockname()[1] == port
c.request('POST', '/echo/chunks', body=iter([b'a' * 1000, b'b' * 1000]), encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
assert len(json.loads(c.getresponse().read())['body']) == 2000
c.request('GET', '/download?bytes=100000')
assert len(c.getresponse().read()) == 100000
c.request('HEAD', '/blob?bytes=1000')
r = c.getresponse()
assert (r.status, r.headers['Content-Length'], r.read()) == (200, '1000', b'')
assert c.sock.getsockname()[1] == port
print('good')
`
    expect(await run(tool('python3', 'python3'), ['-c', script])).toBe('good\n')
  })
})

describe('Chromium', () => {
  it('fetches, submits a form, receives events and speaks WebSocket', { timeout: 60_000 }, async () => {
    const profile = newFolder()
    const chromium = start(
      tool('chromium', 'chromium'),
      [
        ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...['--disable-background-networking', '--disable-sync', `--user-data-dir=${profile}`],
        `${server.url}/page`,
      ],
      { leads: true },
    )
    const [, report = ''] = await Promise.race([
      server.process.until(/^report (.*)$/m),
      chromium.ended.then(({ stderr }): never => {
        throw new Error(`chromium has ended: ${stderr}`)
      }),
    ])
    await chromium.end()
    expect(JSON.parse(report)).toEqual({
      fetched: 'hello',
      json: { method: 'PUT', body: 'a body' },
      streamed: 1_000_000,
      head: 200,
      missing: 404,
      parallel: 20,
      form: { name: 'Ünï & co', note: 'two\r\nlines' },
      events: ['1', '2', '3'],
      socket: ['one', 'two'],
    })
  })
})
