import { describe, expect, it } from 'vitest'
import { givenTrace, newTrace, traceparentOf } from './trace-context.js'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const span = 'b7ad6b7169203331'

function given(traceparent: string | undefined, tracestate?: string) {
  const fields: Record<string, string | undefined> = { traceparent, tracestate }
  return givenTrace({ header: (name) => fields[name] })
}

describe('a trace', () => {
  it('is read from a request', () => {
    expect(given(`00-${traceId}-${span}-00`, 'a=b')).toEqual({ traceId, flags: '00', state: 'a=b' })
  })

  it('is read of later versions as far as it is known', () => {
    expect(given(`cc-${traceId}-${span}-01-what-comes`)).toMatchObject({ traceId, flags: '01' })
  })

  it.each([
    undefined,
    '',
    `00-${traceId}-${span}`,
    `00-${traceId}-${span}-01-more`,
    `ff-${traceId}-${span}-01`,
    `00-${traceId.toUpperCase()}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${span}-01 `,
    `00-${traceId}-${span}-01, 00-${traceId}-${span}-01`,
  ])('is none of %j', (value) => {
    expect(given(value)).toBeUndefined()
  })

  it('loses a state that is too long', () => {
    expect(given(`00-${traceId}-${span}-00`, 'a'.repeat(513))?.state).toBeUndefined()
  })

  it('is sent on with the id of the call, which is another one each time', () => {
    const form = new RegExp(`^00-${traceId}-[\\da-f]{16}-01$`)
    const trace = { traceId, flags: '01', state: undefined }
    expect(traceparentOf(trace)).toMatch(form)
    expect(traceparentOf(trace)).not.toBe(traceparentOf(trace))
  })

  it('that is new is one', () => {
    const trace = newTrace()
    expect(given(traceparentOf(trace))).toEqual(trace)
    expect(newTrace().traceId).not.toBe(trace.traceId)
  })
})
