import { FatalError } from './errors.js'
import type { Goroutine } from './goroutine.js'
import { placeOf } from './inspect.js'
import { functionOf, siteOf } from './origin.js'

/** One line of a stack: a function and its place, `file:line:column`. */
interface Frame {
  readonly name: string
  readonly place: string
}

/** A stack in Go's layout: each function on a line, its place on the next. Frames of Sluice and of Node are left out. */
export function stackLines(stack: string | undefined): string[] {
  return userFrames(stack).flatMap(({ name, place }) => [`${name}(...)`, `\t${place}`])
}

/** Who started a goroutine and where; only its function where the line of the `go` was not recorded. */
export function createdBy(g: Goroutine<unknown>): string[] {
  const fn = functionOf(g.origin)
  const site = siteOf(g.origin)
  const [frame] = userFrames(site?.at.stack)
  if (site === undefined || frame === undefined) {
    return [
      `created by go(${nameOf(fn)}) (SLUICE_DEBUG=tracebacks=all records every line)`,
      `\t${placeOf(fn) ?? '?'}`,
    ]
  }
  const by = site.parentId === 0 ? '' : ` in goroutine ${site.parentId}`
  return [`created by ${frame.name}${by}`, `\t${frame.place}`]
}

/** A goroutine's own function and where it stands. */
export function ownFunction(g: Goroutine<unknown>): string[] {
  const fn = functionOf(g.origin)
  return [`${nameOf(fn)}(...)`, `\t${placeOf(fn) ?? '?'}`]
}

/**
 * What went wrong, in Go's words, with what it replaced: an error thrown by a `using` while another one was on its way
 * comes after that one, as Go prints a panic in a deferred call.
 */
export function describe(error: unknown): string {
  if (error instanceof FatalError) return `fatal error: ${error.message}`
  return chain(error)
    .map((link, index) => `${'\t'.repeat(Math.min(index, 1))}panic: ${text(link)}`)
    .join('\n')
}

/** The stack of what was thrown, where it has one and tells it: it may have a getter of its own that throws. */
export function stackTextOf(error: unknown): string | undefined {
  try {
    return error instanceof Error ? error.stack : undefined
  } catch {
    return undefined
  }
}

function chain(error: unknown): unknown[] {
  try {
    return links(error)
  } catch {
    return [error]
  }
}

function links(error: unknown): unknown[] {
  const { suppressed, error: latest } = (error ?? {}) as { suppressed?: unknown; error?: unknown }
  return suppressed !== undefined && (error as Error).name === 'SuppressedError'
    ? [...links(suppressed), ...links(latest)]
    : [error]
}

// Whatever was thrown, a report of it must come out: getters and toString may throw.
function text(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return '(the thrown value cannot be printed)'
  }
}

export function nameOf(fn: { readonly name: string }): string {
  return fn.name === '' ? 'func' : fn.name
}

/** The first frame of user code, as `function (place)`. */
export function firstUserFrame(stack: string | undefined): string | undefined {
  const [frame] = userFrames(stack)
  return frame && `${frame.name} (${frame.place})`
}

const frameLine = /^\s*at (?:(.*?) \()?(.*?:\d+:\d+)\)?$/

function userFrames(stack: string | undefined): Frame[] {
  const frames: Frame[] = []
  for (const line of (stack ?? '').split('\n')) {
    const match = frameLine.exec(line)
    if (match === null) continue
    const place = (match[2] ?? '').replace(/^file:\/\//, '')
    if (isOurs(place) || place.startsWith('node:')) continue
    frames.push({ name: (match[1] ?? 'func').replace(/^(async|Generator\.|Object\.)\s*/, ''), place })
  }
  return frames
}

// The folder that holds this library's files. In a user's bundle there is none, and then nothing is left out.
const ownFolder = /\/runtime\/traceback\.[jt]s$/.test(import.meta.url)
  ? new URL('..', import.meta.url).href.replace(/^file:\/\//, '')
  : undefined

function isOurs(place: string): boolean {
  return ownFolder !== undefined && place.startsWith(ownFolder) && !/\.test(-d)?\.[jt]s:/.test(place)
}
