import { randomBytes } from 'node:crypto'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authority, type IssuedFiles } from '../serving/certificates.js'
import { cleanUp, newFolder, pause, run, type Site, site, type SiteStats, start, tool } from './processes.js'

let authority: Authority
let own: IssuedFiles
let server: Site
let folder: string
const body = randomBytes(3 * 1024 * 1024)

beforeAll(async () => {
  authority = new Authority()
  own = authority.issueFiles('localhost', 'DNS:localhost', 'IP:127.0.0.1')
  folder = newFolder()
  writeFileSync(join(folder, 'body'), body)
  server = await site({ folder, tls: { ...own } })
}, 60_000)

afterAll(async () => {
  await cleanUp()
  authority.remove()
}, 30_000)

const urlOf = ({ port }: Site, path = '/') => `https://localhost:${port}${path}`
const curl = (...args: string[]) =>
  run(tool('curl', 'curl'), ['-sS', '--max-time', '20', '--cacert', authority.caFile, ...args])

async function statsOf(of: Site): Promise<SiteStats> {
  return JSON.parse(await curl(urlOf(of, '/stats')))
}

/** What `openssl s_client` says of a connection over which it gets something. */
async function client(of: Site, ...args: string[]): Promise<string> {
  const target = ['-connect', `127.0.0.1:${of.port}`, '-servername', 'localhost', '-CAfile', authority.caFile]
  const command = ['s_client', ...target, '-ign_eof', ...args]
  const input = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  const { stdout, stderr } = await start(tool('openssl', 'openssl'), command, { input }).ended
  return stdout + stderr
}

describe('curl over TLS', () => {
  it.each([
    ['--http2', '2'],
    ['--http1.1', '1.1'],
    ['--http1.0', '1.0'],
  ])('%s is answered in HTTP/%s', async (option, version) => {
    const answer = JSON.parse(await curl(option, '--data', 'a=b', urlOf(server, '/echo/x?y=z')))
    expect(answer).toMatchObject({
      ...{ method: 'POST', target: '/echo/x?y=z', body: 'a=b', httpVersion: version },
      host: `localhost:${server.port}`,
    })
  })

  it.each(['--http2', '--http1.1'])('%s gets and sends large bodies whole', async (option) => {
    const saved = join(folder, 'saved')
    const all = ['-o', saved, '-w', '%{http_code} %{size_download}']
    expect(await curl(option, ...all, urlOf(server, '/files/body'))).toBe(`200 ${body.length}`)
    expect(await run('cmp', [saved, join(folder, 'body')])).toBe('')
    expect(await curl(option, ...all, urlOf(server, '/download?bytes=10000001'))).toBe('200 10000001')
    const sent = JSON.parse(
      await curl(option, '--data-binary', `@${join(folder, 'body')}`, urlOf(server, '/upload')),
    )
    expect(sent.bytes).toBe(body.length)
  })

  it.each(['--http2', '--http1.1'])('%s gets HEAD, ranges and errors', async (option) => {
    expect(await curl(option, '-I', urlOf(server, '/files/body'))).toMatch(/^content-length: 3145728\r$/im)
    const range = ['-r', '1000-1999', '-o', '/dev/null', '-w', '%{http_code} %{size_download}']
    expect(await curl(option, ...range, urlOf(server, '/files/body'))).toBe('206 1000')
    const code = ['-o', '/dev/null', '-w', '%{http_code}']
    expect(await curl(option, ...code, urlOf(server, '/nowhere'))).toBe('404')
    expect(
      await curl(option, ...code, '--data-binary', `@${join(folder, 'body')}`, urlOf(server, '/echo/x')),
    ).toBe('413')
    expect(await curl(option, ...code, '-H', `X: ${'a'.repeat(9000)}`, urlOf(server))).toBe('431')
    expect(await curl(option, ...code, urlOf(server, `/${'a'.repeat(9000)}`))).toBe('414')
  })

  it('asks for many things over one HTTP/2 connection at the same time', async () => {
    const urls = Array.from({ length: 20 }, (_, i) => urlOf(server, `/slow?ms=100&n=${i}`))
    const outputs = urls.flatMap((url) => ['-o', '/dev/null', url])
    const began = performance.now()
    const format = '%{http_version} %{http_code} %{num_connects}\n'
    const lines = (await curl('--parallel', '--parallel-max', '20', '--http2', '-w', format, ...outputs))
      .trim()
      .split('\n')
    expect(lines.map((line) => line.slice(0, 5))).toEqual(urls.map(() => '2 200'))
    expect(performance.now() - began).toBeLessThan(20 * 100)
  })

  it('gets events as they are sent', async () => {
    const args = ['-sN', '--http2', '--cacert', authority.caFile, urlOf(server, '/events?ms=10')]
    const listening = start(tool('curl', 'curl'), args)
    await listening.until(/^id: ?5$/m)
    await listening.end()
  })
})

describe('openssl', () => {
  it('connects with TLS 1.3, and not with what is older', async () => {
    expect(await client(server, '-tls1_3')).toMatch(
      /New, TLSv1\.3, Cipher is TLS_[\s\S]*Verify return code: 0 \(ok\)/,
    )
    for (const old of ['-tls1_2', '-tls1_1'])
      expect(await client(server, old, '-cipher', 'DEFAULT@SECLEVEL=0')).toMatch(
        /alert protocol version|no protocols available/,
      )
  })

  it('connects with TLS 1.2 where that is allowed, with good ciphers only', async () => {
    const older = await site({ tls: { ...own, minVersion: 'TLSv1.2' } })
    expect(await client(older, '-tls1_2')).toMatch(/New, TLSv1\.2, Cipher is ECDHE-ECDSA-AES\d+-GCM-SHA\d+/)
    for (const weak of ['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384'])
      expect(await client(older, '-tls1_2', '-cipher', `${weak}@SECLEVEL=0`)).toMatch(/handshake failure/)
    await older.process.end()
  })

  it.each([
    ['h2,http/1.1', 'h2'],
    ['http/1.1', 'http/1.1'],
  ])('agrees on a protocol: of %s on %s', async (offered, agreed) => {
    expect(await client(server, '-alpn', offered)).toContain(`ALPN protocol: ${agreed}`)
  })

  it('resumes a session where tickets are on, and none where they are not', async () => {
    const session = join(folder, 'session')
    for (const version of ['-tls1_3', '-tls1_2']) {
      const older = await site({ tls: { ...own, minVersion: 'TLSv1.2' } })
      await client(older, version, '-sess_out', session)
      expect(await client(older, version, '-sess_in', session)).toMatch(/^New, TLSv1/m)
      await older.process.end()
    }
    const resuming = await site({ tls: { ...own, sessionTickets: true } })
    await client(resuming, '-sess_out', session)
    expect(await client(resuming, '-sess_in', session)).toMatch(/^Reused, TLSv1\.3/m)
    await resuming.process.end()
  }, 60_000)
})

describe('mutual TLS', () => {
  it('lets in whose certificate the authority has signed, and nobody else', async () => {
    const others = new Authority('Others')
    const [known, unknown] = [authority.issueFiles('worker'), others.issueFiles('worker')]
    const mutual = await site({ tls: { ...own, caFile: authority.caFile, clientCert: 'require' } })
    const get = (...args: string[]) =>
      start(tool('curl', 'curl'), [
        '-sS',
        '--max-time',
        '10',
        '--cacert',
        authority.caFile,
        ...args,
        urlOf(mutual),
      ]).ended
    const as = ({ certFile, keyFile }: IssuedFiles) => ['--cert', certFile, '--key', keyFile]
    expect(await get(...as(known))).toMatchObject({ code: 0, stdout: 'hello' })
    for (const args of [[], as(unknown)]) {
      const { code, stdout } = await get(...args)
      expect([code === 0, stdout]).toEqual([false, ''])
    }
    others.remove()
    await mutual.process.end()
  })
})

describe('certificates in files', () => {
  it('are read again when they change, while the site is asked', async () => {
    const [certFile, keyFile] = [join(folder, 'live.crt'), join(folder, 'live.key')]
    const next = authority.issueFiles('next', 'DNS:localhost')
    copyFileSync(own.certFile, certFile)
    copyFileSync(own.keyFile, keyFile)
    const live = await site({ tls: { certFile, keyFile, watchMs: 50 } })
    expect(await client(live)).toContain('CN = localhost')
    copyFileSync(next.certFile, certFile)
    await pause(300)
    expect(await client(live)).toContain('CN = localhost') // the key is still that of the old one
    copyFileSync(next.keyFile, keyFile)
    for (let shown = ''; !shown.includes('CN = next'); shown = await client(live)) await pause(50)
    expect(await curl(urlOf(live))).toBe('hello')
    await live.process.end()
  }, 60_000)
})

describe('under load', () => {
  const load = (of: Site, ...args: string[]) =>
    run(tool('h2load', 'nghttp2-client'), [...args, urlOf(of)], { env: { SSL_CERT_FILE: authority.caFile } })

  it.each([
    ['HTTP/2', ['--npn-list=h2', '-m', '100']],
    ['HTTP/1.1', ['--npn-list=http/1.1', '-m', '16']],
  ])(
    '%s has every request answered',
    async (_name, args) => {
      const before = await statsOf(server)
      const report = await load(server, '-n', '20000', '-c', '20', ...args)
      expect(report).toMatch(
        /20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout/,
      )
      const after = await statsOf(server)
      expect(after.requests - before.requests).toBeGreaterThanOrEqual(20_000)
      expect([after.failed, after.refused, after.problems]).toEqual([before.failed, before.refused, []])
    },
    60_000,
  )

  it('a shutdown loses no request that was begun', async () => {
    const other = await site({ tls: { ...own }, graceMs: 10_000 })
    const outputs = Array.from({ length: 10 }, () => ['-o', '/dev/null', urlOf(other, '/slow?ms=500')]).flat()
    const args = [
      '-sS',
      '--parallel',
      '--http2',
      '--cacert',
      authority.caFile,
      '-w',
      '%{http_code}\n',
      ...outputs,
    ]
    const asking = start(tool('curl', 'curl'), args)
    for (let requests = 0; requests < 10; requests = (await statsOf(other)).requests - 1) await pause(20)
    other.process.kill('SIGTERM')
    const [{ stdout, stderr }, { code }] = await Promise.all([asking.ended, other.process.ended])
    expect([stdout, code], stderr).toEqual(['200\n'.repeat(10), 0])
  }, 60_000)
})
