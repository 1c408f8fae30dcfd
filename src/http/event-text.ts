import { ArgumentError } from '../runtime/errors.js'

/** An event of a stream. */
export interface ServerEvent {
  /** A string as it is, anything else as JSON. Without it the client hears nothing, but takes `id` and `retry`. */
  readonly data?: unknown
  /** Which listeners hear it: those of `message` unless given. */
  readonly event?: string
  /** What the client sends as Last-Event-ID when it comes again. */
  readonly id?: string
  /** How long the client waits before it comes again, in ms. */
  readonly retry?: number
}

/**
 * An event as it is sent. Every kind of line break in the data becomes a line of its own, so that nothing in it can begin a
 * field or end the event. Source: WHATWG HTML, 9.2.
 *
 * @throws ArgumentError if the name or the id has a line break, the id a NUL, or `retry` is no whole number.
 */
export function eventText({ data, event, id, retry }: ServerEvent): string {
  let text = ''
  if (event !== undefined) text += field('event', event, /[\r\n]/)
  if (id !== undefined) text += field('id', id, /[\0\r\n]/) // clients ignore an id with a NUL
  if (retry !== undefined) text += `retry: ${checkRetry(retry)}\n`
  if (data !== undefined) for (const line of dataOf(data).split(/\r\n|\r|\n/)) text += `data: ${line}\n`
  return `${text}\n`
}

/** What clients do not hear: it keeps the connection alive. */
export const keepAliveText = ':\n\n'

function field(name: string, value: string, forbidden: RegExp): string {
  if (typeof value === 'string' && !forbidden.test(value)) return `${name}: ${value}\n`
  throw new ArgumentError(`the ${name} of an event is a string in one line, not ${JSON.stringify(value)}`)
}

/** @throws ArgumentError */
export function checkRetry(ms: number): number {
  if (Number.isSafeInteger(ms) && ms >= 0) return ms
  throw new ArgumentError(`an event's retry is a whole number of milliseconds from 0, not ${ms}`)
}

function dataOf(data: unknown): string {
  if (typeof data === 'string') return data
  const text = JSON.stringify(data)
  if (text === undefined)
    throw new ArgumentError(`an event's data is a string, or what JSON can express, not ${typeof data}`)
  return text
}
