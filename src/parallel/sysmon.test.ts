import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { later } from '../runtime/host.js'
import { createMemory, header, type Memory, proc, procAt, procsAt } from './layout.js'
import { ringMonitor, type Stall } from './sysmon.js'
import { stacksOf, threadOfTitle, withoutQuestion } from './thread-stack.js'

const sources = new URL('.', import.meta.url).href

/** Writes the words of a heartbeat as the runtime does: at the beginning of a step, and at its end. */
const heartbeat = `
  const at = ${procsAt} + processor * ${proc.words}
  const words = new Int32Array(memory), floats = new Float64Array(memory)
  const now = () => performance.timeOrigin + performance.now()
  const beat = () => { floats[(at + ${proc.beat}) / 2] = now() }
  const begin = (goroutine, task) => {
    words[at + ${proc.tick}]++
    words[at + ${proc.goroutine}] = goroutine
    words[at + ${proc.task}] = task
    beat()
    words[at + ${proc.running}] = 1
  }
  const end = () => { words[at + ${proc.running}] = 0 }
`

/** The body of a worker: runs what it is told to, and tells when it is done. */
const processorCode = `
  const { parentPort, workerData: { memory, processor } } = process.getBuiltinModule('node:worker_threads')
  ${heartbeat}
  const steps = {
    stuck(ms) {
      begin(17, 4)
      ;(function spinningWorker() { for (const endMs = now() + ms; now() < endMs; ); })()
      end()
    },
    busy(ms) {
      for (const endMs = now() + ms; now() < endMs; ) begin(17, 0)
      end()
    },
    busyWithoutClock(ms) {
      begin(17, 0)
      for (const endMs = now() + ms; now() < endMs; ) words[at + ${proc.tick}]++
      end()
    },
    idle(ms) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    },
  }
  parentPort.on('message', ([step, ms]) => { steps[step](ms); parentPort.postMessage('done') })
`

/** The body of the monitor's thread. `--import tsx` does nothing in a worker of Node 20, so it registers tsx itself. */
const monitorCode = `
  const { workerData: { memory, threads, sources, say, ...settings }, parentPort } = process.getBuiltinModule('node:worker_threads')
  import('tsx/esm/api').then(({ register }) => {
    register()
    return import(sources + 'sysmon.ts')
  }).then(({ startMonitor }) => {
    parentPort.postMessage({ ready: true })
    const onStall = say && ((stall) => process.getBuiltinModule('node:fs').writeSync(1, JSON.stringify(stall) + '\\n'))
    return startMonitor({ memory, threadOf: (p) => threads[p], ...(onStall && { onStall }), ...settings })
  })
`

interface Settings {
  thresholdMs?: number
  ongoingMs?: number
  schedTraceMs?: number
}

/** A machine of one worker, whose processor is 1, and a monitor. */
class Machine {
  readonly memory: Memory = createMemory()
  readonly stalls: Stall[] = []
  readonly processor: Worker
  private monitor: Worker | undefined

  constructor() {
    this.memory.words[header.procs] = 2
    const workerData = { memory: this.memory.buffer, processor: 1 }
    this.processor = new Worker(processorCode, { eval: true, name: 'P1', workerData })
  }

  async watch(settings: Settings & { threads?: (number | undefined)[] } = {}): Promise<void> {
    const threads = [0, this.processor.threadId]
    const workerData = { memory: this.memory.buffer, sources, threads, ...settings }
    const monitor = new Worker(monitorCode, { eval: true, workerData })
    this.monitor = monitor
    await once(monitor, 'message')
    monitor.on('message', ({ stall }: { stall: Stall }) => this.stalls.push(stall))
  }

  async run(step: string, ms: number): Promise<void> {
    this.processor.postMessage([step, ms])
    await once(this.processor, 'message')
  }

  /** Ends the monitor, which tells of all that it saw before. */
  async stopMonitor(): Promise<void> {
    if (this.monitor === undefined) return
    const exit = once(this.monitor, 'exit')
    Atomics.store(this.memory.words, header.stopped, 1)
    ringMonitor(this.memory)
    expect(await exit).toEqual([0])
    this.monitor = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.monitor?.terminate()
    await this.processor.terminate()
  }
}

const machines: Machine[] = []

async function watched(settings?: Parameters<Machine['watch']>[0]): Promise<Machine> {
  const machine = new Machine()
  machines.push(machine)
  await machine.watch(settings)
  return machine
}

/** A turn of the event loop. */
function turn(): Promise<void> {
  return new Promise(later)
}

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine[Symbol.asyncDispose]()
})

describe('the monitor', () => {
  it('tells of a stall once it is over, with the stack of the function that was stuck', async () => {
    const machine = await watched()
    await machine.run('stuck', 300)
    await machine.stopMonitor()
    expect(machine.stalls).toHaveLength(1)
    expect(machine.stalls[0]).toMatchObject({ processor: 1, goroutine: 17, task: 3, ongoing: false })
    expect(machine.stalls[0]?.durationMs).toBeGreaterThan(100)
    expect(machine.stalls[0]?.stack).toMatch(/^ {4}at spinningWorker \(.*:\d+:\d+\)$/m)
    expect(machine.memory.words[header.stalls]).toBe(1)
  })

  it('tells of a long one while it goes on too, but counts it once', async () => {
    const machine = await watched({ ongoingMs: 100 })
    await machine.run('stuck', 500)
    await machine.stopMonitor()
    expect(machine.stalls.map(({ ongoing }) => ongoing)).toEqual([true, false])
    const [early, late] = machine.stalls as [Stall, Stall]
    expect(late.durationMs).toBeGreaterThan(early.durationMs)
    expect(early.stack).toContain('spinningWorker')
    expect(machine.memory.words[header.stalls]).toBe(1)
  })

  it('tells of each of several stalls', async () => {
    const machine = await watched()
    for (let i = 0; i < 3; i++) await machine.run('stuck', 200)
    await machine.stopMonitor()
    expect(machine.stalls.map(({ ongoing }) => ongoing)).toEqual([false, false, false])
    expect(machine.memory.words[header.stalls]).toBe(3)
  })

  it('tells of a stall without its stack where it does not know the thread', async () => {
    const machine = await watched({ threads: [] })
    await machine.run('stuck', 300)
    await machine.stopMonitor()
    expect(machine.stalls).toMatchObject([{ processor: 1, stack: undefined }])
  })

  it('tells of a stall that goes on when it is stopped', async () => {
    const machine = await watched()
    machine.processor.postMessage(['stuck', 5000])
    while (Atomics.load(machine.memory.words, header.stalls) === 0) await turn()
    await machine.stopMonitor()
    expect(machine.stalls).toMatchObject([{ processor: 1, ongoing: true }])
  })

  // The threshold leaves room for a system that takes the core away.
  it.each(['busy', 'busyWithoutClock', 'idle'])('takes a thread that is %s for no stall', async (step) => {
    const machine = await watched({ thresholdMs: 150 })
    await machine.run(step, 700)
    await machine.stopMonitor()
    expect(machine.stalls).toEqual([])
    expect(machine.memory.words[header.stalls]).toBe(0)
  })

  it('takes a thread that sleeps with an old heartbeat for no stall', async () => {
    const machine = await watched()
    machine.memory.floats[(procAt(1) + proc.beat) / 2] = 1
    await machine.run('idle', 200)
    await machine.stopMonitor()
    expect(machine.stalls).toEqual([])
  })

  it('ends when it is stopped while nothing runs', async () => {
    const machine = await watched()
    await machine.run('idle', 300)
    await machine.stopMonitor()
  })
})

/** A program of its own, whose main thread is processor 0 and is watched. It ends by itself after a while. */
function program(settings: Settings, code: string): ChildProcess {
  const main = `
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    import { createMemory } from '${sources}layout.ts'
    const shared = createMemory(), memory = shared.buffer, processor = 0
    shared.words[${header.procs}] = 2
    ${heartbeat}
    const worker = new Worker(${JSON.stringify(processorCode)}, { eval: true, workerData: { memory, processor: 1 } })
    const workerData = { memory, sources: '${sources}', threads: [0, worker.threadId], say: true, ...${JSON.stringify(settings)} }
    const monitor = new Worker(${JSON.stringify(monitorCode)}, { eval: true, workerData })
    await once(monitor, 'message')
    function spinningMain(ms) { for (const endMs = now() + ms; now() < endMs; ); }
    ${code}
  `
  const flags = ['--import', 'tsx', '--input-type=module', '-e', main]
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  return spawn(process.execPath, flags, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Reads a stream line by line until there is one that fits. */
async function lineThat(stream: NodeJS.ReadableStream | null, fits: (line: string) => boolean) {
  for await (const line of createInterface({ input: stream as NodeJS.ReadableStream }))
    if (fits(line)) return line
  throw new Error('the program ended')
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  for await (const chunk of stream as NodeJS.ReadableStream) text += chunk
  return text
}

describe('the monitor of a main thread that is stuck', () => {
  const stuck = `worker.postMessage(['stuck', 8000]); begin(5, 0); spinningMain(8000); process.exit()`

  it('tells of it, and of a worker that is stuck at the same time', async () => {
    const child = program({ ongoingMs: 50 }, stuck)
    const stalls: Stall[] = []
    await lineThat(child.stdout, (line) => {
      stalls.push(JSON.parse(line) as Stall)
      return stalls.length === 2
    })
    child.kill('SIGKILL')
    stalls.sort((a, b) => a.processor - b.processor)
    expect(stalls).toMatchObject([
      { processor: 0, goroutine: 5, ongoing: true },
      { processor: 1, goroutine: 17, ongoing: true },
    ])
    expect(stalls[0]?.stack).toMatch(/^ {4}at spinningMain \(/m)
    expect(stalls[1]?.stack).toMatch(/^ {4}at spinningWorker \(/m)
  })

  it('prints the state of the scheduler all the same', async () => {
    const child = program({ schedTraceMs: 50 }, stuck)
    const line = await lineThat(child.stderr, (each) => /^SCHED [1-9]\d\dms/.test(each))
    child.kill('SIGKILL')
    expect(line).toMatch(/: gomaxprocs=2 .* runqueue=0 \[0 0\]$/)
  })

  it('leaves nothing behind: the program ends at once and in silence', async () => {
    const stallsSeen = `shared.words[${header.stalls}]`
    const child = program({}, `begin(5, 0); spinningMain(300); end(); process.exit(6 + ${stallsSeen})`)
    child.stdout?.resume()
    const text = textOf(child.stderr)
    expect(await once(child, 'exit')).toEqual([7, null])
    expect(await text).toBe('')
  })
})

describe('stacksOf', () => {
  it('is empty where the inspector refuses, as it does on the main thread', async () => {
    expect(await stacksOf([0], { timeoutMs: 1000 })).toEqual(new Map())
  })
})

describe('threadOfTitle', () => {
  it.each([
    ['[worker 3]', 3],
    ['[worker 12] WorkerThread', 12],
    ['[worker 4] [worker 5]', 4],
    ['Worker 3', undefined],
  ])('of %j is %s', (title, id) => {
    expect(threadOfTitle(title)).toBe(id)
  })
})

describe('withoutQuestion', () => {
  const asked = ['Error', '    at <anonymous>:3:16', '    at <anonymous>:5:3']

  it('leaves the frames of the thread', () => {
    const frames = ['    at spin (/app/a.js:1:2)', '    at <anonymous>:1:1']
    expect(withoutQuestion([...asked, ...frames].join('\n'))).toBe(frames.join('\n'))
  })

  it('is empty where the thread ran nothing, and for what is no stack', () => {
    expect(withoutQuestion(asked.join('\n'))).toBe('')
    expect(withoutQuestion('something of the user')).toBe('')
  })
})
