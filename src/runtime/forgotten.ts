import { complain, hostProcess, later } from './host.js'
import { FRESH, type Operation, watch } from './operation.js'
import { thread } from './scheduler.js'
import { firstUserFrame } from './traceback.js'

/**
 * Development's watch for a forgotten `yield*`: an operation that is made and never started does nothing, silently.
 *
 * An operation that is still fresh when the event loop has turned is under suspicion; most likely nobody holds it. It
 * is warned of, with its line, when the garbage collector finds it unused, or when the program ends. Watching costs
 * 4 µs an operation, so after the first `most` it rests, and looks at one operation every few turns.
 */
export function watchForgotten(most: number): void {
  let left = most
  const made = (operation: Operation<unknown>) => {
    note(operation)
    if (--left <= 0) watch.made = undefined
  }
  watch.made = made
  thread.everyFewTurns = () => {
    watch.made = made
  }
  hostProcess?.on('exit', () => {
    suspect() // what was made in the last turn
    for (const suspect of suspects) warn(suspect)
  })
}

interface Note {
  readonly waitReason: string
  readonly place: string | undefined
}
interface Fresh {
  readonly operation: Operation<unknown>
  readonly at: { readonly stack?: string }
}

let fresh: Fresh[] = []
const suspects = new Set<Note>()
const collected = new FinalizationRegistry<Note>((suspect) => {
  if (suspects.delete(suspect)) warn(suspect)
})

function note(operation: Operation<unknown>): void {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 8 // the first ones are our own
  const at: { stack?: string } = {}
  Error.captureStackTrace(at, watch.made)
  Error.stackTraceLimit = limit
  if (fresh.push({ operation, at }) === 1) later(suspect)
}

function suspect(): void {
  const made = fresh
  fresh = []
  for (const { operation, at } of made) {
    if (operation.state !== FRESH) continue
    // Text only: a stack that is not formatted yet holds the operation, and nobody would ever find it unused.
    const entry = { waitReason: operation.waitReason, place: firstUserFrame(at.stack) }
    suspects.add(entry)
    collected.register(operation, entry)
    // One that starts after all was kept for later, not forgotten. A select claims a case, and may never attempt it.
    const { attempt, claim } = operation
    operation.attempt = () => {
      suspects.delete(entry)
      return attempt.call(operation)
    }
    operation.claim = () => {
      suspects.delete(entry)
      return claim.call(operation)
    }
  }
}

/** The operations under suspicion, for the report of a deadlock: one line each. */
export function suspected(): string[] {
  suspect()
  return [...suspects].map(sentence)
}

function warn(entry: Note): void {
  complain(`warning: ${sentence(entry)}`)
}

function sentence({ waitReason, place }: Note): string {
  return `an operation (${waitReason}) was made and never started: is \`yield*\` missing at ${place ?? '?'}?`
}
