import type { Session } from 'node:inspector'
import { hostNow, HostClock } from '../runtime/clock.js'
import { builtin } from '../runtime/host.js'

/**
 * The stacks of other threads, taken by Node's inspector from a worker thread, with no flag and no open port: an
 * expression is evaluated on top of whatever the other thread runs, be it `while (true);`, and answers with the stack
 * that it finds itself on. The main thread is asked directly, a worker through the main thread, which relays also while
 * it is stuck itself; inside one long native call a thread answers when that returns.
 *
 * The session is opened for the question and closed after it. It takes 0.1 ms, and the tempting other way, to keep it
 * open, has each `process.exit` print "Waiting for the debugger to disconnect...".
 *
 * Workers are told apart by their title, `[worker <threadId>] <name>`: the inspector's own `workerId` is not the
 * threadId. Nothing is ever sent to the worker that asks, since it would wait for itself.
 */

/** Frames that are taken. A generator costs two: itself and its `next`. */
const mostFrames = 50

/** The thread's number of the main thread, as Node counts. */
export const mainThread = 0

/** When to give up on those that do not answer. */
export interface Patience {
  readonly timeoutMs: number
  /** Looked at every few milliseconds: the answer is not wanted any more. */
  readonly stopped?: () => boolean
}

/**
 * The stacks of threads, by their threadId, as V8 writes them but for the first line. A thread that did not answer in
 * time, is unknown or is the caller itself is left out; so are all where this Node has no inspector or forbids it.
 */
export async function stacksOf(
  threadIds: readonly number[],
  patience: Patience,
): Promise<ReadonlyMap<number, string>> {
  const stacks = new Map<number, string>()
  const inspector = loadInspector()
  if (inspector === undefined) return stacks
  const session = new inspector.Session()
  try {
    session.connectToMainThread()
    const asked = threadIds.includes(mainThread) ? [askMain(session, stacks)] : []
    const workers = threadIds.filter((id) => id !== mainThread)
    if (workers.length > 0) asked.push(askWorkers(session, workers, stacks))
    await within(Promise.all(asked), patience)
  } catch {
    // Forbidden by a permission, or the inspector refused: a stall is reported without its stack.
  } finally {
    session.disconnect()
  }
  return stacks
}

type Inspector = typeof import('node:inspector')

/** Node may be built without it. */
function loadInspector(): Inspector | undefined {
  try {
    return builtin<Inspector>('node:inspector')
  } catch {
    return undefined
  }
}

// The limit is the thread's own setting, so it is put back. A frozen Error leaves the frames at their usual number.
const expression = `(() => {
  const limit = Error.stackTraceLimit
  try { Error.stackTraceLimit = ${mostFrames + 2} } catch {}
  try { return new Error().stack } finally { try { Error.stackTraceLimit = limit } catch {} }
})()`
const question = { expression, returnByValue: true, silent: true }

/** What `Runtime.evaluate` answers. */
interface Answer {
  readonly result?: { readonly value?: unknown }
}

async function askMain(session: Session, stacks: Map<number, string>): Promise<void> {
  const { promise, settle } = settling<Answer>()
  session.post('Runtime.evaluate', question, (_, answer) => settle((answer ?? {}) as Answer))
  note(stacks, mainThread, await promise)
}

/** Attaches to all workers, as there is no other way, and asks those that are meant. */
async function askWorkers(
  session: Session,
  threadIds: readonly number[],
  stacks: Map<number, string>,
): Promise<void> {
  const { threadId: own } = builtin<typeof import('node:worker_threads')>('node:worker_threads') ?? {}
  const waiting = new Set(threadIds.filter((id) => id !== own))
  const threadOfSession = new Map<string, number>()
  const { promise, settle } = settling<void>()
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
    const id = threadOfTitle(workerInfo.title)
    if (id === undefined || !waiting.has(id)) return
    threadOfSession.set(sessionId, id)
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: question })
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
  })
  session.on('NodeWorker.receivedMessageFromWorker', ({ params: { sessionId, message } }) => {
    const id = threadOfSession.get(sessionId)
    const reply = JSON.parse(message) as { id?: number; result?: Answer }
    if (reply.id !== 1 || id === undefined || !waiting.delete(id)) return
    note(stacks, id, reply.result)
    if (waiting.size === 0) settle()
  })
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, () => {
    // All that there are have been attached by now: those still unknown have ended.
    const known = new Set(threadOfSession.values())
    for (const id of waiting) if (!known.has(id)) waiting.delete(id)
    if (waiting.size === 0) settle()
  })
  await promise
}

/** The threadId in `[worker 3]` or `[worker 3] name`. */
export function threadOfTitle(title: string): number | undefined {
  const match = /^\[worker (\d+)\]/.exec(title)
  return match === null ? undefined : Number(match[1])
}

function note(stacks: Map<number, string>, threadId: number, answer: Answer | undefined): void {
  const value = answer?.result?.value
  const stack = typeof value === 'string' ? withoutQuestion(value) : ''
  if (stack !== '') stacks.set(threadId, stack)
}

/** The frames below the expression's own two, which have no file. */
export function withoutQuestion(stack: string): string {
  const lines = stack.split('\n')
  const first = lines.findIndex((line) => frame.test(line))
  if (first === -1) return ''
  let own = 0
  while (own < 2 && ownFrame.test(lines[first + own] ?? '')) own++
  return lines.slice(first + own).join('\n')
}

const frame = /^\s*at /
const ownFrame = /^\s*at (.* \()?<anonymous>:\d+:\d+\)?$/

/** How long a stop may go unnoticed. */
const noticeMs = 5

/** Waits for a promise, but not for ever. The clock keeps the event loop of this thread alive for the answers. */
async function within(promise: Promise<unknown>, { timeoutMs, stopped }: Patience): Promise<void> {
  const { promise: over, settle } = settling<void>()
  const clock = new HostClock()
  const endMs = hostNow() + timeoutMs
  const look = () => {
    const nowMs = hostNow()
    if (nowMs >= endMs || stopped?.() === true) settle()
    else clock.arm(Math.min(endMs, nowMs + noticeMs), look)
  }
  look()
  try {
    await Promise.race([promise, over])
  } finally {
    clock.arm(Infinity, look)
  }
}

function settling<T>(): { promise: Promise<T>; settle: (value: T) => void } {
  let settle: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  return { promise, settle }
}
