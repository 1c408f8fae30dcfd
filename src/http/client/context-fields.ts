import type { Context } from '../../context/context.js'
import { DeadlineExceeded } from '../../context/deadline.js'
import { previousAttempts } from '../../resilience/previous-attempts.js'
import { scheduler } from '../../runtime/scheduler.js'
import { attemptsField } from '../attempts-field.js'
import { timeoutAtField, timeoutMsField } from '../deadline-fields.js'
import { requestIdField, requestIdKey } from '../request-id.js'
import { newTrace, traceKey, traceparentField, traceparentOf, tracestateField } from '../trace-context.js'

/**
 * What a server is told of the context that it is called in: how much time is left, which request and which trace the call is a
 * part of, how often it has been made before. What `own` says already stays. Names and values by turns.
 */
export function withContextFields(own: readonly string[], ctx: Context, marginMs: number): string[] {
  const fields = [...own]
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && !has(own, name)) fields.push(name, value)
  }
  const leftMs = timeLeft(ctx, marginMs)
  if (leftMs !== Infinity) {
    // Rounded down: nobody further down has more time than there is.
    const ms = Math.max(1, Math.floor(leftMs))
    add(timeoutMsField, String(ms))
    add(timeoutAtField, String(Math.floor(scheduler().clock.epochNow() + ms)))
  }
  add(requestIdField, ctx.value(requestIdKey))
  const trace = ctx.value(traceKey) ?? newTrace()
  if (!has(own, traceparentField)) {
    add(traceparentField, traceparentOf(trace))
    add(tracestateField, trace.state)
  }
  const attempts = ctx.value(previousAttempts) ?? 0
  if (attempts > 0) add(attemptsField, String(attempts))
  return fields
}

/** How much time a call may take that has to be answered within `ctx`, in ms; `Infinity` without a deadline. */
export function timeLeft({ deadline }: Context, marginMs: number): number {
  return deadline === undefined ? Infinity : deadline.getTime() - scheduler().clock.epochNow() - marginMs
}

/** @throws DeadlineExceeded if no time is left to be given to a call. */
export function checkTime(ctx: Context, what: string, marginMs: number): void {
  const leftMs = timeLeft(ctx, marginMs)
  if (leftMs <= 0) throw new DeadlineExceeded(`${what}: no time is left for it`)
}

function has(fields: readonly string[], name: string): boolean {
  const key = name.toLowerCase()
  for (let i = 0; i < fields.length; i += 2) if (fields[i]?.toLowerCase() === key) return true
  return false
}
