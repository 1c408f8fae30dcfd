import { createRequire } from 'node:module'
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  threadId,
  Worker,
  type ResourceLimits,
} from 'node:worker_threads'
import { debugSetting } from '../runtime/debug.js'
import { complain } from '../runtime/host.js'
import { sleep } from '../runtime/sleep.js'
import { polling, retired } from './doorbell.js'
import { globalAt, header, inboxAt, mostObituaries, proc, procAt } from './layout.js'
import { asModule, isTypeScript, vitestHook, vitestRoot } from './module-loader.js'
import type { Envelope } from './post.js'
import type { Processor } from './processor.js'
import { endIntent } from './ring-chan.js'
import { handleAt, repairObjects } from './shared-object.js'
import { unlockDead } from './spin-lock.js'
import { tellStall } from './stalls.js'
import { ringMonitor, type Stall } from './sysmon.js'

/** What a worker thread is started with. */
export interface WorkerData {
  readonly buffer: SharedArrayBuffer
  readonly p: number
  readonly machine: number
  /** True where tsx reads its modules. */
  readonly tsx: boolean
}

/** What the monitor's thread is started with. */
export interface MonitorData {
  readonly monitor: true
  readonly buffer: SharedArrayBuffer
  readonly schedTraceMs: number | undefined
}

/** The name under which a bundle, which has no file of its own for workers, offers how to start one. */
export const startHook = Symbol.for('sluice.startWorker')

/** A thread that ended this often before it could begin is not started again. */
const mostFailedStarts = 3

/** Longer than any thread is between taking a place in a channel and publishing it, unless it died there. */
const intentMs = 100

interface Thread {
  readonly worker: Worker
  readonly p: number
  readonly machine: number
  began: boolean
  error: unknown
}

/** The worker threads, as their root sees them: started, replaced when they die, ended with the machine. */
export class Workers {
  private readonly threads: (Thread | undefined)[] = []
  private readonly anchor: MessagePort
  private monitor: Worker | undefined = undefined
  private failedStarts = 0
  private stopped = false

  constructor(
    private readonly root: Processor,
    private readonly limits: () => ResourceLimits,
  ) {
    const { port1 } = new MessageChannel()
    port1.unref()
    this.anchor = port1
  }

  start(): void {
    const { words } = this.root.memory
    words[procAt(0) + proc.thread] = isMainThread ? 0 : threadId
    for (let p = 1; p < this.root.procs; p++) this.startThread(p)
    // Behind the first worker, which somebody waits for.
    if (this.root.procs === 1) this.startMonitor()
  }

  private startMonitor(): void {
    if (this.monitor !== undefined || this.stopped) return
    const { buffer } = this.root.memory
    const trace = Number(debugSetting('schedtrace'))
    const sluice: MonitorData = { monitor: true, buffer, schedTraceMs: trace > 0 ? trace : undefined }
    const monitor = new Worker(bootCode().code, {
      eval: true,
      workerData: { sluice },
      name: 'sluice sysmon',
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    })
    monitor.on('message', ({ stall }: { stall?: Stall }) => {
      if (stall !== undefined) tellStall(stall)
    })
    monitor.on('error', (error) => complain(`sluice: the monitor thread ended: ${String(error)}`))
    monitor.unref() // behind the listeners, which would take it back
    this.monitor = monitor
  }

  /** Keeps the process going, or lets it end. */
  hold(on: boolean): void {
    this.root.memory.words[header.rootHolds] = on ? 1 : 0
    if (on) this.anchor.ref()
    else this.anchor.unref()
  }

  resize(count: number): void {
    const { words } = this.root.memory
    Atomics.store(words, header.procs, count)
    this.root.refresh()
    for (let p = 1; p < Math.max(count, this.threads.length); p++) {
      Atomics.store(words, procAt(p) + proc.retire, p < count ? 0 : 1)
      if (p < count && this.threads[p] === undefined) this.startThread(p)
      else if (this.threads[p] !== undefined) this.root.ring(p)
    }
  }

  /** Brings a letter to where it goes; this thread is also the one through which workers write to each other. */
  carry({ to, letter, transfer }: Envelope): void {
    const message = { letter, to, transfer: [] }
    if (to === 0) {
      const { letter: own } =
        transfer.length === 0 ? message : structuredClone(message, { transfer: [...transfer] })
      this.root.post.deliver({ letter: own })
      this.root.schedule()
      return
    }
    this.threads[to]?.worker.postMessage(message, [...transfer])
    this.root.ring(to)
  }

  async stop(): Promise<void> {
    this.stopped = true
    const { words } = this.root.memory
    Atomics.store(words, header.stopped, 1)
    ringMonitor(this.root.memory)
    this.anchor.close()
    await Promise.all(
      [this.monitor, ...this.threads.map((thread) => thread?.worker)].map((each) => each?.terminate()),
    )
  }

  private startThread(p: number): void {
    const { words, buffer } = this.root.memory
    const machine = Atomics.add(words, header.lastMachine, 1) + 1
    // It looks for work as soon as it lives, so nobody has to wake another one for its sake.
    Atomics.store(words, procAt(p) + proc.state, polling)
    Atomics.store(words, procAt(p) + proc.machine, machine)
    const { code, tsx } = bootCode()
    const workerData: { sluice: WorkerData } = { sluice: { buffer, p, machine, tsx } }
    const name = `sluice P${p}`
    const worker = new Worker(code, { eval: true, workerData, name, resourceLimits: this.limits() })
    const thread: Thread = { worker, p, machine, began: false, error: undefined }
    this.threads[p] = thread
    worker.on('message', (message: Envelope | { began: true }) => {
      if ('began' in message) {
        thread.began = true
        this.failedStarts = 0
        this.startMonitor()
      } else this.carryOn(message)
    })
    worker.on('error', (error) => {
      thread.error = error
    })
    worker.on('exit', (code) => this.died(thread, code))
    worker.unref() // behind the listeners, which would take it back
  }

  /** A letter from a worker: for the root, or for another worker. */
  private carryOn(envelope: Envelope): void {
    if (envelope.to === 0) {
      this.root.post.deliver(envelope)
      this.root.schedule()
    } else this.carry(envelope)
  }

  private died(thread: Thread, code: number): void {
    const { p, machine } = thread
    const { words } = this.root.memory
    if (this.stopped) return
    this.threads[p] = undefined
    for (const lock of this.locks()) unlockDead(words, lock, machine)
    words[procAt(p) + proc.running] = 0
    this.endIntent(p)
    this.writeObituary(machine, reasonOf(thread, code))
    repairObjects(this.root, p, machine)
    Atomics.store(words, procAt(p) + proc.machine, 0)
    const isToGo = words[procAt(p) + proc.retire] !== 0
    if (!thread.began) this.failedStarts++
    if (isToGo || this.failedStarts >= mostFailedStarts) Atomics.store(words, procAt(p) + proc.state, retired)
    else this.startThread(p)
    // Everybody looks after the calls that the dead one ran, and whether it was rung for something that is for others now.
    Atomics.add(words, header.deaths, 1)
    for (let each = 0; each < this.root.procs; each++) this.root.ring(each)
  }

  private writeObituary(machine: number, reason: string): void {
    const { words } = this.root.memory
    const at = header.obituaries + (Atomics.load(words, header.deaths) % mostObituaries) * 2
    try {
      words[at + 1] = this.root.names.numberOf(reason)
      words[at] = machine
    } catch {} // no room for yet another reason: those who ask are told that it ended
  }

  /** Ends what the dead one had begun in a channel. Not at once: it may be that another thread is at that very place. */
  private endIntent(p: number): void {
    const { words } = this.root.memory
    const address = words[procAt(p) + proc.intent] as number
    const position = words[procAt(p) + proc.intentPosition] as number
    words[procAt(p) + proc.intent] = 0
    if (address === 0) return
    const channel = handleAt(this.root, address) // so that it lasts until then
    void sleep(intentMs).then(() => {
      if (endIntent(this.root.memory, channel.address, position))
        for (let each = 0; each < this.root.procs; each++) this.root.ring(each)
    })
  }

  private *locks(): Generator<number> {
    yield header.heapLock
    yield header.namesLock
    yield globalAt
    for (let p = 0; p < this.root.procs; p++) yield inboxAt(p)
  }
}

function reasonOf({ error, began, p }: Thread, code: number): string {
  const at = began ? '' : `processor ${p} could not be started: `
  if (error === undefined) return `${at}it exited with code ${code}`
  const { code: name } = error as { code?: string }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return name === 'ERR_WORKER_OUT_OF_MEMORY' ? `${at}out of memory (${text})` : `${at}${text}`
}

/** What a worker thread runs first: it imports worker.ts, or the bundle that this file is part of. */
function bootCode(): { code: string; tsx: boolean } {
  const own = import.meta.url
  const isFile = /\/parallel\/workers\.[jt]s$/.test(own)
  const entry = isFile ? own.replace(/workers(\.[jt]s)$/, 'worker$1') : own
  const tsx = isTypeScript(entry) ? asModule(createRequire(own).resolve('tsx/esm/api')) : ''
  const code = `
globalThis[Symbol.for('${vitestHook.description}')] = ${JSON.stringify(vitestRoot())}
const loader = ${JSON.stringify(tsx)}
const ready = loader === '' ? Promise.resolve() : import(loader).then((tsx) => tsx.register())
ready.then(() => import(${JSON.stringify(entry)})).then((m) => (m.startWorker ?? globalThis[Symbol.for('${startHook.description}')])())`
  return { code, tsx: tsx !== '' }
}
