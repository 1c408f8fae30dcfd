import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { decode } from 'fast-png'
import { afterEach, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

async function run(name: string, ...args: string[]) {
  const command = ['--import', 'tsx', `examples/${name}.ts`, ...args]
  return await promisify(execFile)(process.execPath, command, { cwd: root })
}

async function example(name: string): Promise<string> {
  return (await run(name)).stdout
}

describe('npm start', () => {
  it('runs a load test against the demo server, prints the report and what to try next', async () => {
    const command = ['--import', 'tsx', 'examples/start.ts']
    const env = { ...process.env, SLUICE_START_DURATION: '1s' }
    const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root, env })
    for (const text of ['Success rate: 100.00%', ' responses', 'What to try next'])
      expect(stdout).toContain(text)
  })
})

describe('an example', () => {
  it('dispatch: does every job, and its producer waits for room', async () => {
    const output = await example('dispatch')
    expect(output).toContain('200 of 200 jobs done by 8 workers')
    expect(output).toMatch(/had to wait \d+ times for room in a queue of 10/)
  })

  it('worker-pool: gives results in order, the failure in its place', async () => {
    const lines = (await example('worker-pool')).trim().split('\n')
    expect(lines).toHaveLength(10)
    expect(lines[6]).toBe('6 -> 36')
    expect(lines[7]).toBe('7 -> RangeError: seven is refused')
  })

  it('density: starts ten thousand, a hundred thousand and a million goroutines', async () => {
    const output = await example('density')
    for (const count of ['10,000', '100,000', '1,000,000']) expect(output).toContain(`'${count}'`)
  })
})

/** A folder for one test. */
const folders: string[] = []
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-examples-'))
  folders.push(folder)
  return folder
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

describe('mandelbrot', () => {
  it('paints the same picture on one processor and on two', async () => {
    const folder = newFolder()
    const [one, two] = [join(folder, 'one.png'), join(folder, 'two.png')]
    const { stdout } = await run('parallel/mandelbrot', '--width', '150', '--out', one, '--procs', '1')
    await run('parallel/mandelbrot', '--width', '150', '--out', two, '--procs', '2')
    expect(stdout).toMatch(/one\.png: 150 x 100, painted in \d+ ms on 1 processors/)
    const { width, height, channels, data } = decode(readFileSync(one))
    expect({ width, height, channels }).toEqual({ width: 150, height: 100, channels: 3 })
    const pixel = (x: number, y: number) => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)]
    expect(pixel(112, 50)).toEqual([0, 0, 0]) // the origin, which is in the set
    expect(pixel(0, 0)).not.toEqual([0, 0, 0])
    expect(readFileSync(two).equals(readFileSync(one))).toBe(true)
  })

  it('refuses a width that is none, and a place where it cannot write', async () => {
    await expect(run('parallel/mandelbrot', '--width', 'wide')).rejects.toMatchObject({
      code: 2,
      stderr: '--width wide is not a whole number from 1 to 20000\n',
    })
    const out = join(newFolder(), 'missing', 'a.png')
    await expect(run('parallel/mandelbrot', '--width', '30', '--out', out)).rejects.toMatchObject({ code: 2 })
  })
})

describe('word-count', () => {
  it('counts the words of a folder, also those that lie across two parts of a file', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'many.txt'), 'sluice gate Sluice\n'.repeat(40_000)) // 760 KB: three parts
    writeFileSync(join(folder, 'few.txt'), 'gâte — gate')
    const { stdout, stderr } = await run('parallel/word-count', folder, '--top', '2')
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual(['80000 sluice', '40001 gate', '120002 words, 3 different'])
    expect(stderr).toBe('')
  })

  it('works for an empty folder', async () => {
    expect((await run('parallel/word-count', newFolder())).stdout).toBe('0 words, 0 different\n')
  })

  it('names what it cannot read, and counts the rest', async () => {
    const folder = newFolder()
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'))
    writeFileSync(join(folder, 'here.txt'), 'here')
    const { stdout, stderr } = await run('parallel/word-count', folder)
    expect(stdout).toBe('       1 here\n1 words, 1 different; 1 not read\n')
    expect(stderr).toMatch(/^word-count: left out: ENOENT.*dangling'\n$/)
  })

  it('counts the project itself when no folder is named', async () => {
    expect((await run('parallel/word-count', '--top', '1')).stdout).toMatch(/^ *\d+ \w+\n\d{5,} words/)
  })
})

describe('hash-service', () => {
  const services: ChildProcess[] = []
  afterEach(() => {
    for (const service of services.splice(0)) service.kill('SIGKILL')
  })

  async function start(...args: string[]) {
    const command = ['--import', 'tsx', 'examples/parallel/hash-service.ts', '--port', '0', ...args]
    const service = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    services.push(service)
    const [text] = await once(service.stdout, 'data')
    return { service, address: String(text).trim() }
  }

  const post = (address: string, query: string, body = 'secret') =>
    fetch(`${address}/hash?${query}`, { method: 'POST', body })

  it('gives the same hash wherever it is computed, and refuses what it cannot compute', async () => {
    const { address } = await start('--procs', '2')
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(address, 'salt=a&rounds=3')))
    const hashes = new Set(await Promise.all(answers.map((answer) => answer.text())))
    expect(hashes.size).toBe(1)
    expect([...hashes][0]).toMatch(/^[0-9a-f]{64}\n$/)
    expect((await post(address, 'rounds=none')).status).toBe(400)
    expect((await post(address, 'rounds=1', 'x'.repeat(100_000))).status).toBe(413)
    expect((await fetch(address)).status).toBe(404)
  })

  it('answers /health while it computes', async () => {
    const { address } = await start('--procs', '2')
    let computed = 0
    const hashes = Array.from({ length: 4 }, () => post(address, 'rounds=300').then(() => computed++))
    for (let i = 0; i < 20; i++) expect(await (await fetch(`${address}/health`)).text()).toBe('ok\n')
    expect(computed).toBe(0)
    await Promise.all(hashes)
  })

  it('finishes what is under way on SIGTERM, and ends with code 0', async () => {
    const { service, address } = await start()
    const hash = post(address, 'rounds=200')
    await fetch(`${address}/health`) // on a connection of its own, after the hash's
    service.kill('SIGTERM')
    const ended = once(service, 'exit')
    expect((await hash).status).toBe(200)
    expect(await ended).toEqual([0, null])
  })
})
