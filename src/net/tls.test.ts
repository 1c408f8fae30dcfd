import { createPrivateKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlain, type Socket } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Authority, type Issued, type IssuedFiles } from '../../test/serving/certificates.js'
import { go } from '../runtime/go.js'
import { sleep } from '../runtime/sleep.js'
import { scheduler } from '../runtime/scheduler.js'
import { Listener } from './listener.js'
import { TimerWheel } from './timer-wheel.js'
import { TlsAcceptor, type TlsStats } from './tls.js'
import type { TlsOptions } from './tls-options.js'
import { type PeerCertificate, peerCertificateOf } from './tls-peer.js'

let authority: Authority
let other: Authority
let own: Issued
let ownFiles: IssuedFiles
let worker: Issued
let stranger: Issued

beforeAll(() => {
  authority = new Authority()
  other = new Authority('Another authority')
  ownFiles = authority.issueFiles('localhost', 'DNS:localhost')
  own = { cert: readFileSync(ownFiles.certFile, 'utf8'), key: readFileSync(ownFiles.keyFile, 'utf8') }
  worker = authority.issue('worker', 'DNS:worker.example', 'URI:spiffe://example/worker')
  stranger = other.issue('worker', 'DNS:worker.example')
})

afterAll(() => {
  authority.remove()
  other.remove()
})

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

interface Running {
  readonly acceptor: TlsAcceptor
  readonly port: number
  /** Sockets whose handshakes succeeded. */
  readonly accepted: Socket[]
  readonly problems: unknown[]
}

/** An acceptor behind a listener that says `hello` to everybody. */
async function accepting(options: Partial<TlsOptions> = {}): Promise<Running> {
  const [accepted, problems]: [Socket[], unknown[]] = [[], []]
  const wheel = new TimerWheel(scheduler(), 5)
  const usual = options.certFile === undefined ? { cert: own.cert, key: own.key } : {}
  const acceptor = new TlsAcceptor({ ...usual, ...options }, wheel, (error) => problems.push(error))
  const listener = new Listener(
    { port: 0, host: '127.0.0.1' },
    (socket) => {
      accepted.push(socket)
      socket.on('error', () => {})
      socket.write('hello')
    },
    { create: acceptor.create },
  )
  const { port = 0 } = await listener.open()
  ends.push(() => {
    listener.stop()
    acceptor.stop()
    for (const socket of accepted) socket.destroy()
  })
  return { acceptor, port, accepted, problems }
}

/** A client that trusts the authority. */
function client(port: number, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.ca, ...options })
  socket.on('error', () => {})
  ends.push(() => socket.destroy())
  return socket
}

/** What the server says to a client; `refused` if the connection ends without a word. */
async function greeting(socket: TLSSocket): Promise<string> {
  const data = once(socket, 'data').then(
    ([bytes]) => String(bytes),
    () => 'refused',
  )
  return Promise.race([data, once(socket, 'close').then(() => 'refused')])
}

/** The certificate that a client gets, by its name. */
async function shown(port: number, servername: string): Promise<unknown> {
  const socket = client(port, { servername, rejectUnauthorized: false })
  await greeting(socket)
  return socket.getPeerCertificate().subject.CN
}

/** Once a connection has ended, in whatever way. */
function closed(socket: Socket): Promise<unknown> {
  socket.on('error', () => {})
  return new Promise((resolve) => socket.resume().on('close', resolve))
}

/** For what happens outside, in kernels and files. */
function* pause() {
  yield* sleep(5)
}

async function settled(acceptor: TlsAcceptor, matches: (stats: TlsStats) => boolean): Promise<TlsStats> {
  for (;;) {
    const stats = acceptor.stats()
    if (matches(stats)) return stats
    await go(pause)
  }
}

function encrypted(key: string, passphrase: string): string {
  return createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes256', passphrase })
    .toString()
}

describe('an acceptor of TLS connections', () => {
  it('speaks TLS 1.3, and refuses 1.2', async () => {
    const { acceptor, port } = await accepting()
    const socket = client(port)
    expect(await greeting(socket)).toBe('hello')
    expect(socket.getProtocol()).toBe('TLSv1.3')
    expect(await greeting(client(port, { maxVersion: 'TLSv1.2' }))).toBe('refused')
    expect(acceptor.stats()).toMatchObject({ handshakes: 1, failed: 1, pending: 0 })
    expect(acceptor.stats().lastFailure).toMatch(/unsupported protocol/)
  })

  it('speaks TLS 1.2 where it is told to, with ciphers that keep the past secret', async () => {
    const { port } = await accepting({ minVersion: 'TLSv1.2' })
    const socket = client(port, { maxVersion: 'TLSv1.2' })
    expect(await greeting(socket)).toBe('hello')
    expect([socket.getProtocol(), socket.getCipher().name]).toEqual([
      'TLSv1.2',
      'ECDHE-ECDSA-AES128-GCM-SHA256',
    ])
    expect(await greeting(client(port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }))).toBe(
      'refused',
    )
  })

  it.each([
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [['http/1.1', 'h2'], 'h2'],
    [['http/1.0'], 'http/1.0'],
  ])('agrees with a client that offers %j on %s', async (offered, agreed) => {
    const { port } = await accepting()
    const socket = client(port, { ALPNProtocols: offered })
    await greeting(socket)
    expect(socket.alpnProtocol).toBe(agreed)
  })

  it('refuses a client that offers only protocols it does not speak', async () => {
    const { port } = await accepting({ alpn: ['http/1.1'] })
    expect(await greeting(client(port, { ALPNProtocols: ['h2', 'spdy/3'] }))).toBe('refused')
    expect(await greeting(client(port))).toBe('hello')
  })

  it('counts what is no handshake at all, and goes on', async () => {
    const { acceptor, port } = await accepting()
    const socket = connectPlain({ port, host: '127.0.0.1' })
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await closed(socket)
    expect(acceptor.stats()).toMatchObject({ failed: 1, lastFailure: 'http request' })
    expect(await greeting(client(port))).toBe('hello')
  })

  it('ends a handshake that takes too long, however often a byte of it comes', async () => {
    const { acceptor, port } = await accepting({ handshakeTimeoutMs: 60 })
    const began = performance.now()
    const slow = connectPlain({ port, host: '127.0.0.1' })
    slow.on('error', () => {})
    const dripping = go(function* () {
      for (const byte of [0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]) {
        slow.write(Buffer.of(byte))
        yield* sleep(15)
      }
    })
    await closed(slow)
    dripping.cancel()
    expect(performance.now() - began).toBeGreaterThan(50)
    expect(acceptor.stats().failed).toBe(1)
  })

  it('does so many handshakes at a time, and closes connections beyond', async () => {
    const { acceptor, port } = await accepting({ maxHandshakes: 2 })
    const waiting = [0, 1].map(() => connectPlain({ port, host: '127.0.0.1' }))
    await settled(acceptor, ({ pending }) => pending === 2)
    expect(await greeting(client(port))).toBe('refused')
    expect(acceptor.stats().lastFailure).toBe('too many handshakes at once')
    waiting[0]?.destroy()
    await settled(acceptor, ({ pending }) => pending === 1)
    expect(await greeting(client(port))).toBe('hello')
    waiting[1]?.destroy()
  })

  it('ends handshakes under way when it stops, and leaves connections that are open', async () => {
    const { acceptor, port, accepted } = await accepting()
    const open = client(port)
    await greeting(open)
    const waiting = connectPlain({ port, host: '127.0.0.1' })
    await settled(acceptor, ({ pending }) => pending === 1)
    acceptor.stop()
    await closed(waiting)
    accepted[0]?.write('still there')
    expect(String(await once(open, 'data'))).toBe('still there')
  })

  it('resumes no session, unless tickets are on', async () => {
    for (const sessionTickets of [false, true]) {
      for (const minVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
        const { port } = await accepting({ sessionTickets, minVersion })
        const versions = { minVersion, maxVersion: minVersion }
        const first = client(port, versions)
        const session = once(first, 'session').then(([data]) => data as Buffer)
        await greeting(first)
        const hasSession = minVersion === 'TLSv1.3' || sessionTickets
        const again = client(
          port,
          hasSession ? { ...versions, session: await session } : { ...versions, session: first.getSession() },
        )
        await greeting(again)
        expect([minVersion, sessionTickets, again.isSessionReused()]).toEqual([
          minVersion,
          sessionTickets,
          sessionTickets,
        ])
      }
    }
  })
})

describe('certificates of clients', () => {
  const shownBy = ({ cert, key }: Issued): ConnectionOptions => ({ cert, key })

  it('are asked for, and have to be there and good, where they are required', async () => {
    const { acceptor, port, accepted } = await accepting({ clientCert: 'require', ca: authority.ca })
    expect(await greeting(client(port, shownBy(worker)))).toBe('hello')
    expect(await greeting(client(port))).toBe('refused')
    expect(acceptor.stats().lastFailure).toMatch(/peer did not return a certificate/)
    expect(await greeting(client(port, shownBy(stranger)))).toBe('refused')
    expect(acceptor.stats()).toMatchObject({ handshakes: 1, failed: 2 })
    expect(acceptor.stats().lastFailure).toMatch(/client certificate: UNABLE_TO_/)
    expect(accepted).toHaveLength(1)
  })

  it('may be left out, but not be bad, where they are requested', async () => {
    const { port, accepted } = await accepting({ clientCert: 'request', ca: authority.ca })
    expect(await greeting(client(port, shownBy(worker)))).toBe('hello')
    expect(await greeting(client(port))).toBe('hello')
    expect(await greeting(client(port, shownBy(stranger)))).toBe('refused')
    expect(accepted.map((socket) => peerCertificateOf(socket)?.subject['CN'])).toEqual(['worker', undefined])
  })

  it('have names, of which the hook decides', async () => {
    const asked: PeerCertificate[] = []
    const { acceptor, port } = await accepting({
      clientCert: 'require',
      ca: authority.ca,
      verifyPeer: (peer) => {
        asked.push(peer)
        return (
          peer.subjectAltNames.includes('URI:spiffe://example/worker') ||
          new Error(`${String(peer.subject['CN'])} is nobody`)
        )
      },
    })
    expect(await greeting(client(port, shownBy(worker)))).toBe('hello')
    expect(asked[0]).toMatchObject({
      subject: { O: 'Example', CN: 'worker' },
      issuer: { CN: 'Test authority' },
      subjectAltNames: ['DNS:worker.example', 'URI:spiffe://example/worker'],
      fingerprint256: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    })
    expect(asked[0]?.validTo.getTime()).toBeGreaterThan(Date.now())
    expect(await greeting(client(port, shownBy(authority.issue('intruder', 'DNS:worker.example'))))).toBe(
      'refused',
    )
    expect(acceptor.stats().lastFailure).toBe('verifyPeer: intruder is nobody')
  })

  it('are refused by a hook that throws, and its error is told', async () => {
    const broken = new Error('the directory is down')
    const { port, problems } = await accepting({
      clientCert: 'require',
      ca: authority.ca,
      verifyPeer: () => {
        throw broken
      },
    })
    expect(await greeting(client(port, shownBy(worker)))).toBe('refused')
    expect(problems).toEqual([broken])
  })

  it('are asked about again when a session is resumed', async () => {
    let isWelcome = true
    const { port } = await accepting({
      clientCert: 'require',
      ca: authority.ca,
      sessionTickets: true,
      verifyPeer: () => isWelcome,
    })
    const first = client(port, shownBy(worker))
    const session = once(first, 'session').then(([data]) => data as Buffer)
    expect(await greeting(first)).toBe('hello')
    const again = client(port, { ...shownBy(worker), session: await session })
    expect([await greeting(again), again.isSessionReused()]).toEqual(['hello', true])
    isWelcome = false
    expect(await greeting(client(port, { ...shownBy(worker), session: await session }))).toBe('refused')
  })
})

describe('server names', () => {
  it('have certificates of their own; others get the usual one', async () => {
    const [exact, wildcard] = [authority.issue('exact'), authority.issue('wildcard')]
    const { port } = await accepting({ sni: { 'A.Example.com': exact, '*.example.com': wildcard } })
    expect(await shown(port, 'a.example.com')).toBe('exact')
    expect(await shown(port, 'b.example.COM')).toBe('wildcard')
    expect(await shown(port, 'x.b.example.com')).toBe('localhost')
    expect(await shown(port, 'example.com')).toBe('localhost')
    expect(await shown(port, '')).toBe('localhost')
  })

  it('are given to a function, which may take its time or fail', async () => {
    const [late, bad] = [authority.issue('late'), { cert: own.cert, key: worker.key }]
    const { acceptor, port, problems } = await accepting({
      sni: async (name) => {
        if (name === 'down.example') throw new Error('the store is down')
        return { 'late.example': late, 'bad.example': bad }[name]
      },
    })
    expect(await shown(port, 'late.example')).toBe('late')
    expect(await shown(port, 'other.example')).toBe('localhost')
    expect(await greeting(client(port, { servername: 'down.example' }))).toBe('refused')
    expect(await greeting(client(port, { servername: 'bad.example' }))).toBe('refused')
    expect(problems.map(String)).toEqual([
      'Error: the store is down',
      expect.stringMatching(/tls\.sni\('bad\.example'\)\.key does not belong to the certificate/),
    ])
    expect(acceptor.stats().failed).toBe(2)
  })
})

describe('rotation', () => {
  it('shows new certificates to new connections, and leaves those that are open', async () => {
    const { acceptor, port, accepted } = await accepting({ sni: { 'a.example': authority.issue('a') } })
    const open = client(port)
    await greeting(open)
    acceptor.rotate(authority.issue('next'))
    expect(await shown(port, 'localhost')).toBe('next')
    expect(await shown(port, 'a.example')).toBe('a')
    accepted[0]?.write('still there')
    expect(String(await once(open, 'data'))).toBe('still there')
    acceptor.rotate({ ...own, sni: { 'a.example': authority.issue('newer a') } })
    expect(await shown(port, 'a.example')).toBe('newer a')
    expect(acceptor.stats().rotations).toBe(2)
  })

  it('keeps the old ones where new ones cannot be used', async () => {
    const { acceptor, port } = await accepting()
    expect(() => acceptor.rotate({ cert: own.cert, key: worker.key })).toThrow('tls.key does not belong')
    expect(() => acceptor.rotate({ cert: own.cert, key: own.key, minVersion: 'TLSv1.2' } as never)).toThrow(
      'tls.minVersion is no option of server.setCertificates()',
    )
    expect(await shown(port, 'localhost')).toBe('localhost')
    expect(acceptor.stats()).toMatchObject({ rotations: 0, failedRotations: 2 })
  })

  it('trusts new authorities, and no session that began under the old ones', async () => {
    const { acceptor, port } = await accepting({
      clientCert: 'require',
      ca: authority.ca,
      sessionTickets: true,
    })
    const first = client(port, { cert: worker.cert, key: worker.key })
    const session = once(first, 'session').then(([data]) => data as Buffer)
    expect(await greeting(first)).toBe('hello')
    acceptor.rotate({ cert: own.cert, key: own.key, ca: other.ca })
    expect(await greeting(client(port, { cert: stranger.cert, key: stranger.key }))).toBe('hello')
    expect(await greeting(client(port, { cert: worker.cert, key: worker.key, session: await session }))).toBe(
      'refused',
    )
  })

  it('reads files again when they have changed, both of them', async () => {
    const [certFile, keyFile] = ['live.crt', 'live.key'].map((name) => join(authority.folder, name)) as [
      string,
      string,
    ]
    const next = authority.issueFiles('from new files')
    copyFileSync(ownFiles.certFile, certFile)
    copyFileSync(ownFiles.keyFile, keyFile)
    const { acceptor, port, problems } = await accepting({ certFile, keyFile, watchMs: 5 })
    expect(await shown(port, 'localhost')).toBe('localhost')

    writeFileSync(certFile, 'half a certif')
    await settled(acceptor, ({ failedRotations }) => failedRotations === 1)
    expect(problems.map(String)).toEqual([expect.stringMatching(/TlsError: tls\.certFile holds no PEM/)])
    expect(await shown(port, 'localhost')).toBe('localhost')

    copyFileSync(next.certFile, certFile)
    copyFileSync(next.keyFile, keyFile)
    await settled(acceptor, ({ rotations }) => rotations === 1)
    expect(await shown(port, 'localhost')).toBe('from new files')
  })
})

describe('for other threads', () => {
  it('all of it is plain data, whose tickets they take from each other', async () => {
    const first = await accepting({ sessionTickets: true, sni: { 'a.example': authority.issue('a') } })
    const second = await accepting(structuredClone(first.acceptor.plain()))
    const socket = client(first.port)
    const session = once(socket, 'session').then(([data]) => data as Buffer)
    await greeting(socket)
    const again = client(second.port, { session: await session })
    expect([await greeting(again), again.isSessionReused()]).toEqual(['hello', true])
    expect(await shown(second.port, 'a.example')).toBe('a')
  })

  it.each([
    ['verifyPeer', { verifyPeer: () => true, clientCert: 'require' as const }],
    ['sni', { sni: () => undefined }],
  ])('%s is a function that cannot go there', async (name, options) => {
    const { acceptor } = await accepting({ ...options, ca: authority.ca })
    expect(() => acceptor.plain()).toThrow(`tls.${name} is a function, which cannot go to other threads`)
  })
})

describe('what cannot be used', () => {
  const faults: [string, () => unknown, RegExp][] = [
    ['no certificate', () => ({ key: own.key }), /^tls\.cert is missing: give the PEM text/],
    ['no key', () => ({ cert: own.cert }), /^tls\.key is missing/],
    [
      'a key of another certificate',
      () => ({ cert: own.cert, key: worker.key }),
      /^tls\.key does not belong to the certificate of tls\.cert \(O=Example, CN=localhost\)/,
    ],
    [
      'the name of a file as PEM',
      () => ({ cert: ownFiles.certFile, key: own.key }),
      /^tls\.cert holds no PEM.*for the name of a file write tls\.certFile/,
    ],
    [
      'a key for a certificate',
      () => ({ cert: own.key, key: own.key }),
      /^tls\.cert holds no PEM: a block that begins with -----BEGIN CERTIFICATE/,
    ],
    [
      'a certificate for a key',
      () => ({ cert: own.cert, key: own.cert }),
      /^tls\.key holds no PEM: a block that begins with -----BEGIN PRIVATE KEY/,
    ],
    ['both PEM and a file', () => ({ ...own, ...ownFiles }), /^tls\.cert is given as PEM and as certFile/],
    [
      'a file that is not there',
      () => ({ certFile: '/no/such.crt', key: own.key }),
      /^tls\.certFile cannot be read: \/no\/such\.crt does not exist/,
    ],
    [
      'a damaged certificate',
      () => ({ cert: own.cert.replace(/[A-Za-z0-9]{20}/, 'AAAA'), key: own.key }),
      /^tls\.cert holds a certificate that is damaged, number 1/,
    ],
    [
      'an encrypted key without its passphrase',
      () => ({ cert: own.cert, key: encrypted(own.key, 'secret') }),
      /^tls\.key is encrypted: give tls\.passphrase/,
    ],
    [
      'a wrong passphrase',
      () => ({ cert: own.cert, key: encrypted(own.key, 'secret'), passphrase: 'wrong' }),
      /^tls\.key cannot be read: tls\.passphrase is another one/,
    ],
    [
      'a cert that is no text',
      () => ({ cert: 7, key: own.key }),
      /^tls\.cert has to be PEM, a string or a Uint8Array, not number/,
    ],
    ['authorities that are none', () => ({ cert: own.cert, key: own.key, ca: 'x' }), /^tls\.ca holds no PEM/],
    [
      'clients without authorities',
      () => ({ cert: own.cert, key: own.key, clientCert: 'require' }),
      /^tls\.ca is missing/,
    ],
    [
      'a hook that is never asked',
      () => ({ cert: own.cert, key: own.key, verifyPeer: () => true }),
      /^tls\.verifyPeer would never be asked/,
    ],
    [
      'a name twice',
      () => ({ cert: own.cert, key: own.key, sni: { 'a.example': own2(), 'A.EXAMPLE': own2() } }),
      /^tls\.sni\['A\.EXAMPLE'\] is there twice/,
    ],
    [
      'a name that is none',
      () => ({ cert: own.cert, key: own.key, sni: { 'a.*.example': own2() } }),
      /^tls\.sni\['a\.\*\.example'\] is no name of a server/,
    ],
    [
      'a name with a key of another',
      () => ({ cert: own.cert, key: own.key, sni: { 'a.example': { cert: own.cert, key: worker.key } } }),
      /^tls\.sni\['a\.example'\]\.key does not belong/,
    ],
    [
      'an old version',
      () => ({ cert: own.cert, key: own.key, minVersion: 'TLSv1.1' }),
      /^tls\.minVersion is 'TLSv1\.3' or 'TLSv1\.2', not TLSv1\.1/,
    ],
    [
      'a protocol that nobody speaks',
      () => ({ cert: own.cert, key: own.key, alpn: ['h3'] }),
      /^tls\.alpn is a list/,
    ],
    [
      'a misspelt option',
      () => ({ cert: own.cert, key: own.key, clientCerts: 'require' }),
      /^tls\.clientCerts is no option of tls/,
    ],
    [
      'an endless handshake',
      () => ({ cert: own.cert, key: own.key, handshakeTimeoutMs: Infinity }),
      /^tls\.handshakeTimeoutMs is a number/,
    ],
    [
      'ticket keys without tickets',
      () => ({ cert: own.cert, key: own.key, ticketKeys: randomBytes(48) }),
      /^tls\.ticketKeys is of no use/,
    ],
    [
      'short ticket keys',
      () => ({ cert: own.cert, key: own.key, sessionTickets: true, ticketKeys: randomBytes(32) }),
      /^tls\.ticketKeys has to be 48 random bytes/,
    ],
    ['nothing', () => undefined, /^tls needs an object of options/],
  ]
  const own2 = () => ({ cert: own.cert, key: own.key })

  it.each(faults)('%s is refused at once, by the name of the option', (_what, options, message) => {
    const wheel = new TimerWheel(scheduler(), 5)
    expect(() => new TlsAcceptor(options() as TlsOptions, wheel, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_SLUICE_TLS', message: expect.stringMatching(message) }),
    )
  })

  it.each([
    [
      'an encrypted key with its passphrase',
      () => ({ cert: own.cert, key: encrypted(own.key, 'secret'), passphrase: 'secret' }),
    ],
    ['bytes', () => ({ cert: Buffer.from(own.cert), key: new Uint8Array(Buffer.from(own.key)) })],
    [
      'files as URLs',
      () => ({ certFile: new URL(`file://${ownFiles.certFile}`), keyFile: ownFiles.keyFile }),
    ],
    [
      'several authorities',
      () => ({
        cert: own.cert,
        key: own.key,
        ca: [authority.ca, Buffer.from(other.ca)],
        clientCert: 'request' as const,
      }),
    ],
  ])('%s can', async (_what, options) => {
    const { port } = await accepting(options())
    expect(await shown(port, 'localhost')).toBe('localhost')
  })
})
