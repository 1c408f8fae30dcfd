import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { createInterface } from 'node:readline'
import { file } from './build.js'

/** Servers and what asks them have a core each, where there are two; else nobody is pinned. */
export const pins = cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
process.once('SIGTERM', () => process.exit(143))

/** A process on a core of its own that says what there is to know a line at a time. */
export class PinnedProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>
  #complaints = ''

  constructor(core: number, command: readonly string[]) {
    const [program = '', ...args] = pins ? ['taskset', '-c', String(core), ...command] : command
    const child = spawn(program, args, { cwd: file('.'), stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    running.add(child)
    this.#ended = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.#complaints += error.message
        resolve()
      })
      child.once('close', resolve)
    }).then(() => running.delete(child))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-2000)
    })
    // Both streams are there: they are piped.
    this.#lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> })[
      Symbol.asyncIterator
    ]()
  }

  /** taskset becomes the program, so this is the program's own. */
  get pid(): number {
    return this.#child.pid ?? Number.NaN
  }

  /** How long it has had a core, all its threads together; unknown where nobody is pinned, since that may not be Linux. */
  ranMs(): number {
    if (!pins) return Number.NaN
    // proc(5): the second field, the name, may hold spaces; after it utime is the 12th, stime the 13th, in 10 ms.
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * 10
  }

  /** The next line that it prints. */
  async line(withinMs = 10_000): Promise<string> {
    const deadline = setTimeout(() => {
      this.#complaints += `\nit said nothing for ${withinMs} ms`
      this.#child.kill('SIGKILL')
    }, withinMs)
    const { value, done } = await this.#lines.next()
    clearTimeout(deadline)
    if (done !== true) return value
    await this.#ended
    throw new Error(`${this.#child.spawnargs.join(' ')} ended: ${this.complaints}`)
  }

  /** The end of what it wrote to standard error. */
  get complaints(): string {
    return this.#complaints.trim()
  }

  signal(name: 'SIGINT' | 'SIGUSR2'): void {
    this.#child.kill(name)
  }

  get isRunning(): boolean {
    return running.has(this.#child)
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
