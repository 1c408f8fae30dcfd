/** Real processes for end-to-end tests: programs of this project, and tools of Debian. Each is ended by its id. */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServeOptions } from 'sluice/http'

const root = fileURLToPath(new URL('../..', import.meta.url))
const programs = fileURLToPath(new URL('programs', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A process that was started here. */
export class Running {
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>
  private isOver = false
  private wake: () => void = () => {}

  constructor(
    readonly child: ChildProcess,
    private readonly name: string,
    private readonly leads: boolean,
  ) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.took('stdout', text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.took('stderr', text))
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => this.took('stderr', String(error)))
      child.on('close', (code, signal) => {
        this.isOver = true
        this.wake()
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Waits until its output has `pattern`. */
  async until(pattern: RegExp, from: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this[from])
      if (found !== null) return found
      if (this.isOver) throw new Error(`${this.name} ended before ${pattern}:\n${this.stdout}${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Ends it, and what it has started if it leads a group, and waits for that. */
  async end(): Promise<void> {
    const { pid } = this.child
    if (!this.isOver && pid !== undefined) {
      if (this.leads) process.kill(-pid, 'SIGKILL')
      else this.child.kill('SIGKILL')
    }
    await this.ended
  }

  private took(from: 'stdout' | 'stderr', text: string): void {
    this[from] += text
    this.wake()
  }
}

const running: Running[] = []
const folders: string[] = []

/** Ends all that was started, and removes all folders. */
export async function cleanUp(): Promise<void> {
  await Promise.all(running.splice(0).map((each) => each.end()))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-e2e-'))
  folders.push(folder)
  return folder
}

/** Where a tool is. Fails if it is missing: a test that skips proves nothing. */
export function tool(name: string, debianPackage: string): string {
  const path = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`
  const found = path.split(delimiter).map((folder) => join(folder, name))
  const place = found.find((each) => existsSync(each))
  if (place === undefined)
    throw new Error(`${name} is needed for this test and not installed: apt-get install ${debianPackage}`)
  return place
}

export interface StartOptions {
  readonly stdio?: StdioOptions
  readonly input?: string | Buffer
  /** Whether it leads a group of processes, all of which are ended with it. */
  readonly leads?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a tool. */
export function start(command: string, args: readonly string[], options: StartOptions = {}): Running {
  const { input, leads = false, stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] } = options
  const env = { ...process.env, ...options.env }
  for (const ours of ['NODE_ENV', 'VITEST', 'SLUICE_DEBUG', 'NODE_OPTIONS']) delete env[ours]
  const child = spawn(command, args, { cwd: root, env, stdio, detached: leads })
  if (input !== undefined) child.stdin?.end(input)
  const started = new Running(child, command, leads)
  running.push(started)
  return started
}

/** Runs a tool to its end, which has to be a good one. */
export async function run(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<string> {
  const { code, signal, stdout, stderr } = await start(command, args, options).ended
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${stdout}${stderr}`)
  return stdout
}

/** Starts one of `programs` on the sources, as the other end-to-end tests do. */
export function program(name: string, args: readonly string[], options?: StartOptions): Running {
  const command = ['--import', 'tsx', '--expose-gc', join(programs, `${name}.ts`), ...args]
  return start(process.execPath, command, options)
}

/** What a test wants of `http-site`: options of `serve`, and what the site itself knows. */
export type SiteOptions = Omit<ServeOptions, 'ctx' | 'onError'> & {
  /** A folder whose files it serves. */
  readonly folder?: string
  /** Whether it runs without `main`. */
  readonly isBare?: boolean
}

export interface Site {
  readonly process: Running
  readonly port: number
  readonly url: string
}

/** Starts the site that the tests ask, and waits until it listens. */
export async function site(options: SiteOptions = {}): Promise<Site> {
  const started = program('http-site', [JSON.stringify({ host: '127.0.0.1', port: 0, ...options })])
  const [, port] = await started.until(/^listening (\d+)$/m)
  return { process: started, port: Number(port), url: `http://127.0.0.1:${port}` }
}

/** What `/stats` of the site says. */
export interface SiteStats {
  readonly requests: number
  readonly refused: number
  readonly timedOut: number
  readonly failed: number
  readonly responses: readonly number[]
  readonly connections: { readonly open: number; readonly accepted: number; readonly peak: number }
  readonly rss: number
  readonly heapUsed: number
  readonly problems: readonly string[]
  readonly left: number
}

export async function statsOf({ url }: Pick<Site, 'url'>): Promise<SiteStats> {
  return (await (await fetch(`${url}/stats`)).json()) as SiteStats
}

/** Ports that were free just now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Waits until something accepts connections there. */
export async function accepting(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5000) })
      return
    } catch {
      await pause(50)
    }
  }
  throw new Error(`nothing accepts connections on port ${port}`)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
