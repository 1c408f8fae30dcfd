import { describe, expect, it } from 'vitest'
import { HttpError } from './http-error.js'
import { problemOf, unknownProblem } from './problem.js'

describe('HttpError', () => {
  it('has a code, and a message for the log', () => {
    const error = new HttpError(404, 'there is no order 7')
    expect([error.name, error.code, error.status]).toEqual(['HttpError', 'ERR_SLUICE_HTTP', 404])
    expect(error.message).toBe('404 Not Found: there is no order 7')
    expect(new HttpError(503).message).toBe('503 Service Unavailable')
  })

  it('keeps its cause and its headers', () => {
    const cause = new Error('disk full')
    const error = new HttpError(503, 'later', { cause, headers: { 'Retry-After': '10' } })
    expect([error.cause, error.headers]).toEqual([cause, { 'Retry-After': '10' }])
    expect('cause' in new HttpError(503)).toBe(false)
  })

  it.each([200, 302, 399, 600, 404.5, Number.NaN])('refuses the status %s', (status) => {
    expect(() => new HttpError(status)).toThrow(
      `an HttpError's status is a whole number from 400 to 599, not ${status}: return a response for what is no error`,
    )
  })
})

function membersOf(error: HttpError): unknown {
  const { body, contentType } = problemOf(error)
  expect(contentType).toBe('application/problem+json')
  return JSON.parse(body)
}

describe('problemOf', () => {
  it("has the status' own phrase, and no detail where there is none", () => {
    expect(problemOf(new HttpError(404)).body).toBe('{"type":"about:blank","title":"Not Found","status":404}')
  })

  it('gives a status without a phrase the one of its class', () => {
    expect(membersOf(new HttpError(499))).toMatchObject({ title: 'Bad Request', status: 499 })
    expect(membersOf(new HttpError(599))).toMatchObject({ title: 'Internal Server Error', status: 599 })
  })

  it('has the type, the title, the detail and the extra members that it was given', () => {
    const error = new HttpError(409, 'It left yesterday.', {
      type: 'https://example.com/shipped',
      title: 'Order shipped',
      extra: { order: 7, instance: '/orders/7' },
    })
    expect(membersOf(error)).toEqual({
      type: 'https://example.com/shipped',
      title: 'Order shipped',
      status: 409,
      detail: 'It left yesterday.',
      order: 7,
      instance: '/orders/7',
    })
  })

  it('lets no extra member replace a standard one, there or not', () => {
    const extra = { type: 'x', title: 'x', status: 200, detail: 'x', more: 1 }
    expect(problemOf(new HttpError(403, undefined, { extra })).body).toBe(
      '{"type":"about:blank","title":"Forbidden","status":403,"more":1}',
    )
  })

  it('tells nothing of the cause and the headers', () => {
    const error = new HttpError(500, undefined, {
      cause: new Error('password'),
      headers: { 'X-Inner': 'secret' },
    })
    expect(problemOf(error).body).not.toMatch(/password|secret/)
  })

  it('leaves out extra members that JSON cannot express, and fails not', () => {
    const circle: Record<string, unknown> = { n: 1 }
    circle['self'] = circle
    for (const extra of [{ id: 7n }, circle]) {
      expect(membersOf(new HttpError(409, 'twice', { extra }))).toEqual({
        type: 'about:blank',
        title: 'Conflict',
        status: 409,
        detail: 'twice',
      })
    }
  })
})

describe('unknownProblem', () => {
  it('says that something failed, and nothing else', () => {
    expect(unknownProblem()).toEqual({
      body: '{"type":"about:blank","title":"Internal Server Error","status":500}',
      contentType: 'application/problem+json',
    })
  })
})
