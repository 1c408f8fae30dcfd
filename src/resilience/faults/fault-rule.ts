import { ArgumentError } from '../../runtime/errors.js'
import { type Fields, fieldsOf, numberOf, textOf, told } from './fields.js'
import { checkLatency, type LatencyFault } from './latency.js'

/**
 * Harm, for a while. It is data only, so that it can come from a file or over the network. `latency`, `error`, `abort` and
 * `bytesPerSecond` are for calls, `share` of them drawn at random; the others are for the whole thread as long as they last.
 */
export interface FaultRule {
  /** What events call it: its place in the list unless said. */
  readonly name?: string
  /** Only guards of this name take the rule: all that are given it, unless said. */
  readonly resource?: string
  /** Which share of the calls is hit, from 0 to 1: all unless said. */
  readonly share?: number
  /** After so long it is over, whatever happens: an hour at most. */
  readonly forMs: number
  /** Calls wait so long before they are made. */
  readonly latency?: LatencyFault
  /** Calls fail instead of being made. */
  readonly error?: ErrorFault
  /**
   * The connection is reset: `request` before the call is made, `answer` when it has been made and its answer is on its way.
   */
  readonly abort?: 'request' | 'answer'
  /** How fast the body of an answer is, at most: where the guard is given to `faulty`, or to `slowed`. */
  readonly bytesPerSecond?: number
  /** The wall clock is wrong by so much: later if above 0. Needs a clock that can be: `faults({ clock: skewed() })`. */
  readonly skewMs?: number
  /** So much memory is taken, outside of the JavaScript heap: 4096 MiB at most for all rules of a guard. */
  readonly memoryMiB?: number
  /** This share of the thread's time is spent on nothing, up to 1. */
  readonly cpuLoad?: number
}

/** What a call fails with. */
export interface ErrorFault {
  /** The error's `code`, which says to callers what kind it is: `ETIMEDOUT`. `ERR_SLUICE_FAULT` unless said. */
  readonly code?: string
  readonly message?: string
  /** What it is as an HTTP response: 500 unless said. */
  readonly status?: number
}

const mostForMs = 3_600_000
const mostRules = 100
const mostMemoryMiB = 4096
const mostSkewMs = 366 * 86_400_000

const ofCalls = ['latency', 'error', 'abort', 'bytesPerSecond'] as const
const ofThread = ['skewMs', 'memoryMiB', 'cpuLoad'] as const
/** Whether a rule is for calls, at least in part. */
export function isOfCalls(rule: FaultRule): boolean {
  return ofCalls.some((fault) => rule[fault] !== undefined)
}

const known = ['name', 'resource', 'share', 'forMs', ...ofCalls, ...ofThread]

/**
 * Rules as they were given, checked. Fields are in one order, so that equal rules have equal JSON.
 * @throws ArgumentError naming the path of the first thing that cannot be.
 */
export function checkRules(rules: unknown): readonly FaultRule[] {
  if (!Array.isArray(rules) || rules.length > mostRules)
    throw new ArgumentError(
      `faults: rules is a list of up to ${mostRules} rules, not ${Array.isArray(rules) ? `of ${rules.length}` : told(rules)}`,
    )
  const checked = rules.map((rule: unknown, i) => checkRule(rule, `rules[${i}]`))
  checkTwins(checked)
  checkSum(checked, 'memoryMiB', mostMemoryMiB)
  checkSum(checked, 'cpuLoad', 1)
  return checked
}

function checkRule(rule: unknown, path: string): FaultRule {
  const fields = fieldsOf(rule, path)
  fields.only(...known)
  if (![...ofCalls, ...ofThread].some((fault) => fields.has(fault)))
    throw new ArgumentError(
      `faults: ${path} does nothing: give it one of ${[...ofCalls, ...ofThread].join(', ')}`,
    )
  if (fields.has('share') && !ofCalls.some((fault) => fields.has(fault)))
    throw new ArgumentError(
      `faults: ${path}.share is of calls, and ${ofThread.join(', ')} are for the whole thread: leave it out`,
    )
  if (fields.has('error') && fields.has('abort'))
    throw new ArgumentError(`faults: ${path} has an error and an abort, and a call ends once: leave one out`)
  return {
    ...optional(fields, 'name', () => textOf(fields, 'name', /^\P{Cc}{1,200}$/u, 'a name in a line')),
    ...optional(fields, 'resource', () => textOf(fields, 'resource', /^.{1,500}$/s, "a guard's name")),
    ...optional(fields, 'share', () => numberOf(fields, 'share', { from: 0, to: 1 })),
    forMs: numberOf(fields, 'forMs', { above: 0, to: mostForMs, unit: 'ms' }),
    ...callFaults(fields, path),
    ...threadFaults(fields),
  }
}

function callFaults(fields: Fields, path: string): Partial<FaultRule> {
  return {
    ...optional(fields, 'latency', () => checkLatency(fields.get('latency'), `${path}.latency`)),
    ...optional(fields, 'error', () => checkError(fields.get('error'), `${path}.error`)),
    ...optional(fields, 'abort', () => {
      // The expression lets nothing else through.
      return textOf(fields, 'abort', /^(?:request|answer)$/, 'request or answer') as 'request' | 'answer'
    }),
    ...optional(fields, 'bytesPerSecond', () => numberOf(fields, 'bytesPerSecond', { from: 1, to: 1e12 })),
  }
}

function threadFaults(fields: Fields): Partial<FaultRule> {
  return {
    ...optional(fields, 'skewMs', () =>
      numberOf(fields, 'skewMs', { from: -mostSkewMs, to: mostSkewMs, unit: 'ms' }),
    ),
    ...optional(fields, 'memoryMiB', () =>
      numberOf(fields, 'memoryMiB', { from: 1, to: mostMemoryMiB, isWhole: true }),
    ),
    ...optional(fields, 'cpuLoad', () => numberOf(fields, 'cpuLoad', { above: 0, to: 1 })),
  }
}

function checkError(value: unknown, path: string): ErrorFault {
  const fields = fieldsOf(value, path)
  fields.only('code', 'message', 'status')
  return {
    ...optional(fields, 'code', () =>
      textOf(fields, 'code', /^[A-Z][A-Z0-9_]{0,63}$/, 'a code in capital letters, digits and _'),
    ),
    ...optional(fields, 'message', () =>
      textOf(fields, 'message', /^.{1,500}$/s, 'a text of 1 to 500 letters'),
    ),
    ...optional(fields, 'status', () => numberOf(fields, 'status', { from: 400, to: 599, isWhole: true })),
  }
}

function optional<N extends string, T>(fields: Fields, name: N, read: () => T): { [K in N]?: T } {
  // The computed key is N; TypeScript widens it.
  return fields.has(name) ? ({ [name]: read() } as { [K in N]?: T }) : {}
}

/** Which of two equal rules goes on when one is taken away nobody could tell. */
function checkTwins(rules: readonly FaultRule[]): void {
  const seen = new Map<string, number>()
  for (const [i, rule] of rules.entries()) {
    const twin = seen.get(JSON.stringify(rule))
    if (twin !== undefined)
      throw new ArgumentError(
        `faults: rules[${i}] is the same as rules[${twin}]: leave it out, or give it a name`,
      )
    seen.set(JSON.stringify(rule), i)
  }
}

function checkSum(rules: readonly FaultRule[], name: 'memoryMiB' | 'cpuLoad', most: number): void {
  let sum = 0
  for (const [i, rule] of rules.entries()) {
    sum += rule[name] ?? 0
    if (sum > most + 1e-9)
      throw new ArgumentError(
        `faults: rules[${i}].${name} makes ${sum} with those before it, of ${most} at most`,
      )
  }
}
