import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { failure, turns } from '../../test/net/fixture.js'
import { background } from '../context/background.js'
import { withCancel } from '../context/cancel.js'
import { run } from '../main.js'
import { ArgumentError, Canceled } from '../runtime/errors.js'
import { type Endpoint, Listener, ListenError } from './listener.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'listener-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const listeners: Listener[] = []
const sockets: Socket[] = []
afterEach(() => {
  for (const each of listeners.splice(0)) each.stop()
  for (const each of sockets.splice(0)) each.destroy()
})

function listener(endpoint: Endpoint): Listener {
  const made = new Listener(endpoint, (socket) => {
    sockets.push(socket)
    socket.end(`accepted by ${listeners.indexOf(made)}`)
  })
  listeners.push(made)
  return made
}

/** What the server at that place says. */
async function said(place: { port: number } | { path: string }): Promise<string> {
  const socket = connect(place)
  sockets.push(socket)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return String(bytes)
}

describe('Listener', () => {
  it('listens on a free port, which it tells', async () => {
    const one = listener({ port: 0, host: '127.0.0.1' })
    expect(one.address).toBeUndefined()
    expect(one.fd).toBeUndefined()
    const address = await one.open()
    expect(address).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
    expect(one.address).toBe(address)
    expect(one.fd).toBeGreaterThan(2)
    expect(await said({ port: address.port ?? 0 })).toBe('accepted by 0')
  })

  it('accepts no more once it is stopped; what it accepted stays', async () => {
    const one = listener({ port: 0, host: '127.0.0.1' })
    const { port = 0 } = await one.open()
    const socket = connect({ port, allowHalfOpen: true })
    sockets.push(socket)
    await once(socket, 'data')
    one.stop()
    expect(await failure(said({ port }))).toMatchObject({ code: 'ECONNREFUSED' })
    expect(socket.destroyed).toBe(false)
    expect(one.address).toBeUndefined()
  })

  it('listens on a descriptor that listens already', async () => {
    const one = listener({ port: 0, host: '127.0.0.1' })
    const { port = 0 } = await one.open()
    const [fd = -1] = await one.duplicates(1)
    expect(await listener({ fd }).open()).toMatchObject({ port })
    one.stop()
    expect(await said({ port })).toBe('accepted by 1')
  })

  it('says that a descriptor is in use by this thread', async () => {
    const one = listener({ port: 0, host: '127.0.0.1' })
    await one.open()
    expect(String(await failure(listener({ fd: one.fd ?? -1 }).open()))).toContain(
      'this thread listens on it already',
    )
  })

  it('listens on a Unix socket, whose file goes with it', async () => {
    const path = join(folder, 'a.sock')
    const one = listener({ path })
    expect(await one.open()).toEqual({ path })
    expect(await said({ path })).toBe('accepted by 0')
    one.stop()
    expect(existsSync(path)).toBe(false)
  })

  it('replaces the Unix socket of a process that is gone', async () => {
    const path = join(folder, 'stale.sock')
    const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    await failure(promisify(execFile)(process.execPath, ['-e', program]))
    expect(existsSync(path)).toBe(true)
    await listener({ path }).open()
    expect(await said({ path })).toBe('accepted by 0')
  })

  it.each([
    ['a Unix socket that lives', (path: string) => listener({ path }).open()],
    ['a file of another kind', async (path: string) => writeFileSync(path, 'precious')],
  ])('does not replace %s', async (_, make) => {
    const path = join(folder, 'taken.sock')
    await make(path)
    const error = await failure(listener({ path }).open())
    expect(error).toBeInstanceOf(ListenError)
    expect(String(error)).toContain(
      `cannot listen on ${path}: another server listens there, or it is a file of another kind`,
    )
    expect(existsSync(path)).toBe(true)
    rmSync(path, { force: true })
  })

  it('says which port is taken, and what to do', async () => {
    const { port = 0 } = await listener({ port: 0, host: '127.0.0.1' }).open()
    const error = await failure(listener({ port, host: '127.0.0.1' }).open())
    expect(error).toMatchObject({ code: 'ERR_SLUICE_LISTEN', address: `127.0.0.1:${port}` })
    expect(String(error)).toContain('another server listens there: stop it, or choose another port')
    expect((error as ListenError).cause).toMatchObject({ code: 'EADDRINUSE' })
  })

  it.each<[string, Endpoint, string]>([
    [
      'an address of another machine',
      { port: 0, host: '192.0.2.1' },
      'this machine has no address 192.0.2.1',
    ],
    [
      'a name that nobody has',
      { port: 0, host: 'nowhere.invalid' },
      'no address is known for the name nowhere.invalid',
    ],
    ['a folder that is not there', { path: '/nowhere/a.sock' }, 'make the folder'],
    ['a descriptor that is none', { fd: 999_999 }, 'it is no socket that listens'],
  ])('says what is wrong with %s', async (_, endpoint, problem) => {
    const error = await failure(listener(endpoint).open())
    expect(error).toBeInstanceOf(ListenError)
    expect(String(error)).toContain(problem)
  })

  it.each<[string, Endpoint]>([
    ['two places', { port: 1, path: '/tmp/a' }],
    ['a port that is none', { port: -1 }],
    ['a path that the system would cut', { path: `/tmp/${'x'.repeat(120)}` }],
    ['a host for a path', { path: '/tmp/a', host: '::' }],
    ['a descriptor that is no number', { fd: 1.5 }],
  ])('refuses %s at once', (_, endpoint) => {
    expect(() => new Listener(endpoint, () => {})).toThrow(ArgumentError)
  })

  it('stops when the wait for its beginning is given up', async () => {
    const one = listener({ path: join(folder, 'given-up.sock') })
    const ctx = withCancel(background())
    const opening = one
      .open()
      .within(ctx)
      .then(undefined, (error: unknown) => error) // begins here and now
    ctx.cancel()
    expect(await opening).toBeInstanceOf(Canceled)
    await run(() => turns(20))
    expect(one.address).toBeUndefined()
    expect(one.fd).toBeUndefined()
    expect(existsSync(join(folder, 'given-up.sock'))).toBe(false)
  })
})
