import { describe, expect, it } from 'vitest'
import { bubble } from 'sluice/testing'
import { background } from '../../context/background.js'
import type { Context } from '../../context/context.js'
import { DeadlineExceeded, withTimeout } from '../../context/deadline.js'
import { withValue } from '../../context/value.js'
import { previousAttempts } from '../../resilience/previous-attempts.js'
import { now, sleep } from '../../runtime/sleep.js'
import { requestIdKey } from '../request-id.js'
import { traceKey } from '../trace-context.js'
import { checkTime, withContextFields } from './context-fields.js'

const traceId = '0af7651916cd43dd8448eb211c80319c'

function fieldsOf(ctx: Context, own: readonly string[] = [], marginMs = 0): Record<string, string> {
  const list = withContextFields(own, ctx, marginMs)
  return Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] ?? '']] : [])))
}

describe('what a server is told of a context', () => {
  it('is how much time is left, less the margin, in both ways', () =>
    bubble(function* () {
      using ctx = withTimeout(background(), 300)
      yield* sleep(99.5)
      expect(fieldsOf(ctx, [], 20)).toMatchObject({
        'X-Timeout-Ms': '180',
        'X-Timeout-At': String(Math.floor(now() + 180)),
      })
    }))

  it('is nothing of time where there is no deadline', () => {
    expect(Object.keys(fieldsOf(background()))).toEqual(['traceparent'])
  })

  it('is the id of the request, its trace and how often it has been sent', () => {
    const named = withValue(background(), requestIdKey, 'abc-1')
    const traced = withValue(named, traceKey, { traceId, flags: '00', state: 'a=b' })
    expect(fieldsOf(withValue(traced, previousAttempts, 2))).toEqual({
      'X-Request-Id': 'abc-1',
      traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[\\da-f]{16}-00$`)),
      tracestate: 'a=b',
      'X-Previous-Attempts': '2',
    })
  })

  it('is not what the request says itself', () => {
    const own = ['x-request-id', 'mine', 'Traceparent', 'mine']
    const named = withValue(background(), requestIdKey, 'abc-1')
    expect(fieldsOf(withValue(named, traceKey, { traceId, flags: '00', state: 'a=b' }), own)).toEqual({
      'x-request-id': 'mine',
      Traceparent: 'mine',
    })
  })

  it.each([
    [25, 20, true],
    [20, 20, false],
    [10, 20, false],
  ])('with %i ms left and a margin of %i ms, it may be called: %s', (leftMs, marginMs, may) =>
    bubble(function* () {
      using ctx = withTimeout(background(), leftMs)
      const check = () => checkTime(ctx, 'GET http://a/', marginMs)
      if (may) check()
      else expect(check).toThrow(DeadlineExceeded)
    }),
  )
})
