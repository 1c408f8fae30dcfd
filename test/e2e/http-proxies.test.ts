import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import {
  accepting,
  cleanUp,
  freePorts,
  newFolder,
  pause,
  type Site,
  site,
  start,
  statsOf,
  tool,
} from './processes.js'
import { smugglingCases } from './smuggling-cases.js'

/** How long a silent proxy is listened to: it waits for more of what it takes for a body. */
const silenceMs = 200

let backend: Site
/** The port of each proxy, in front of the one backend. */
const ports = new Map<string, number>()
const port = (proxy: string) => ports.get(proxy) ?? 0

beforeAll(async () => {
  backend = await site({ limits: { bodyBytes: 64 * 1024 * 1024 } })
  const names = ['nginx', 'nginx that streams and is lenient', 'haproxy', 'haproxy that is lenient'] as const
  const [strict = 0, lenient = 0, plain = 0, lax = 0] = await freePorts(names.length)
  for (const [i, each] of [strict, lenient, plain, lax].entries()) ports.set(names[i] ?? '', each)
  startNginx(strict, lenient)
  startHaproxy(plain, lax)
  await Promise.all([...ports.values()].map(accepting))
}, 60_000)

afterAll(cleanUp, 30_000)

function startNginx(strict: number, lenient: number): void {
  const folder = newFolder()
  chmodSync(folder, 0o755) // its worker may be another user
  const file = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  // Each request gets an id, which goes to the backend and, beside what that answers, to the client.
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
    events { worker_connections 512; }
    http {
      access_log off; client_max_body_size 0; keepalive_requests 100000;
      ${temporary.map((each) => `${each}_temp_path ${folder}/${each};`).join(' ')}
      map $http_upgrade $connection_option { default upgrade; '' ''; }
      upstream backend { server 127.0.0.1:${backend.port}; keepalive 4; }
      proxy_http_version 1.1; proxy_read_timeout 2s;
      proxy_set_header Host $http_host;
      proxy_set_header Connection $connection_option; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header X-Proxy-Id $request_id; proxy_set_header X-Meant-Target $request_uri;
      add_header X-Answered-Id $request_id always;
      server { listen 127.0.0.1:${strict}; location / { proxy_pass http://backend; } }
      server {
        listen 127.0.0.1:${lenient}; ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;
        proxy_request_buffering off; proxy_buffering off;
        location / { proxy_pass http://backend; }
      }
    }`,
  )
  start(tool('nginx', 'nginx'), ['-c', file, '-e', join(folder, 'start.log'), '-p', folder], {
    leads: true,
  })
}

function startHaproxy(plain: number, lax: number): void {
  const file = join(newFolder(), 'haproxy.cfg')
  const frontend = (name: string, at: number, more = '') => `
frontend ${name}
  bind 127.0.0.1:${at}
  ${more}
  http-request set-header X-Proxy-Id %[unique-id]
  http-request set-header X-Meant-Target %[pathq]
  http-response set-header X-Answered-Id %[unique-id]
  default_backend site
`
  writeFileSync(
    file,
    `global
  maxconn 500
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 10s
  timeout server 2s
  timeout tunnel 10s
  timeout http-request 5s
  unique-id-format %[uuid()]
${frontend('plain', plain)}${frontend('lax', lax, 'option accept-invalid-http-request')}
backend site
  server site 127.0.0.1:${backend.port} pool-max-conn 8
`,
  )
  start(tool('haproxy', 'haproxy'), ['-db', '-f', file])
}

interface Answer {
  readonly status: number
  /** Which request the proxy means to answer. */
  readonly meant: string | undefined
  /** Which request the backend has answered, and its target. */
  readonly id: string | undefined
  readonly target: string | undefined
}

/** Sends bytes, and reads until the proxy closes or is silent. */
function exchange(at: number, request: string): Promise<Answer[]> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ port: at, host: '127.0.0.1', noDelay: true })
    const end = () => {
      clearTimeout(silence)
      socket.destroy()
      resolve(answersOf(text))
    }
    let silence = setTimeout(end, 2000)
    socket.setEncoding('latin1')
    socket.on('connect', () => socket.write(request, 'latin1'))
    socket.on('data', (more) => {
      text += more
      clearTimeout(silence)
      silence = setTimeout(end, silenceMs)
    })
    socket.on('connect', () => {
      clearTimeout(silence)
      silence = setTimeout(end, silenceMs)
    })
    socket.on('error', () => {})
    socket.on('close', end)
  })
}

/** The whole answers in what has come. */
function answersOf(text: string): Answer[] {
  const answers: Answer[] = []
  for (let rest = text; ; ) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return answers
    const head = rest.slice(0, end)
    const status = Number(/^HTTP\/1\.\d (\d+)/.exec(head)?.[1])
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    const body = rest.slice(end + 4, end + 4 + length)
    rest = rest.slice(end + 4 + length)
    if (status < 200) continue
    const meant = /^x-answered-id: *(\S+)/im.exec(head)?.[1]
    const echo = /^\{"id"/.test(body) ? JSON.parse(body) : {}
    answers.push({ status, meant, id: echo.id, target: echo.target })
  }
}

/** The requests that the backend has seen since the last time. */
async function seen(): Promise<{ id?: string; target: string; meant?: string }[]> {
  return (await (await fetch(`${backend.url}/seen`)).json()) as {
    id?: string
    target: string
    meant?: string
  }[]
}

const proxies = ['nginx', 'nginx that streams and is lenient', 'haproxy', 'haproxy that is lenient']

describe.each(proxies)('behind %s', (proxy) => {
  it('no request is smuggled: each that is seen was meant, and no answer goes to another request', {
    timeout: 90_000,
  }, async () => {
    await seen()
    const faults: unknown[] = []
    let passed = 0
    for (const [i, { name, bytes }] of smugglingCases.entries()) {
      const [smuggled, follow, victim] = [`/echo/smuggled/${i}`, `/echo/follow/${i}`, `/echo/victim/${i}`]
      const raw = bytes({ attack: `/echo/attack/${i}`, smuggled })
      const attacked = await exchange(
        port(proxy),
        `${raw}GET ${follow} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      )
      const victims = [
        ...(await exchange(port(proxy), `GET ${victim} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n`)),
        ...(await exchange(port(proxy), `GET ${victim} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n`)),
      ]
      const mixedUp = [...attacked, ...victims].filter(({ id, meant }) => id !== undefined && id !== meant)
      if (mixedUp.length > 0) faults.push({ name, mixedUp })
      if (victims.length !== 2 || victims.some(({ status, target }) => status !== 200 || target !== victim))
        faults.push({ name, victims })
      const requests = await seen()
      const unmeant = requests.filter(({ id, meant, target }) => id === undefined || meant !== target)
      if (unmeant.length > 0) faults.push({ name, unmeant })
      if (requests.some(({ target }) => !target.startsWith('/echo/victim'))) passed++
    }
    expect(faults).toEqual([])
    expect(passed).toBeGreaterThan(smugglingCases.length / 5) // or the proxy would have proved nothing of ours
  })

  it('connections are kept and used again', async () => {
    const before = (await statsOf(backend)).connections.accepted
    for (let i = 0; i < 100; i++) {
      const [answer] = await exchange(
        port(proxy),
        `GET /echo/${i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      )
      expect(answer).toMatchObject({ status: 200, target: `/echo/${i}` })
    }
    expect((await statsOf(backend)).connections.accepted - before).toBeLessThan(10)
  })

  it('a body goes through whole, with 100-continue, in chunks and with a length', async () => {
    const body = randomBytes(8 * 1024 * 1024)
    const sha256 = createHash('sha256').update(body).digest('hex')
    const folder = newFolder()
    const file = join(folder, 'body')
    writeFileSync(file, body)
    for (const more of [
      ['-H', 'Expect: 100-continue'],
      ['-H', 'Transfer-Encoding: chunked'],
      ['-H', 'Expect:'],
    ]) {
      const url = `http://127.0.0.1:${port(proxy)}/upload`
      const answer = await start(tool('curl', 'curl'), ['-sS', ...more, '--data-binary', `@${file}`, url])
        .ended
      expect(JSON.parse(answer.stdout || '{}'), `${more} ${answer.stderr}`).toEqual({
        bytes: body.length,
        sha256,
      })
    }
  })

  it('a large answer comes whole, and to a client that is slow as well', async () => {
    const bytes = 12_000_001
    for (const more of [[], ['--limit-rate', '12M'], ['--http1.0']]) {
      const url = `http://127.0.0.1:${port(proxy)}/download?bytes=${bytes}`
      const command = ['-sS', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', ...more, url]
      expect((await start(tool('curl', 'curl'), command).ended).stdout).toBe(`200 ${bytes}`)
    }
  })

  it('a handler that takes too long for the proxy learns that nobody waits any more', async () => {
    const before = (await statsOf(backend)).left
    const response = await fetch(`http://127.0.0.1:${port(proxy)}/slow?ms=20000`)
    expect(response.status).toBe(504)
    for (let i = 0; i < 50 && (await statsOf(backend)).left === before; i++) await pause(20)
    expect((await statsOf(backend)).left).toBe(before + 1)
  })

  it('a WebSocket passes through', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port(proxy)}/ws`)
    const echoes: string[] = []
    await new Promise((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', resolve)
      socket.on('open', () => socket.send('one'))
      socket.on('message', (data) => {
        echoes.push(String(data))
        if (echoes.length === 1) socket.send('x'.repeat(100_000))
        else socket.close()
      })
    })
    expect(echoes.map(({ length }) => length)).toEqual([3, 100_000])
  })
})
