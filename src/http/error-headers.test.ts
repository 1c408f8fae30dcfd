import { describe, expect, it } from 'vitest'
import { withHeaders } from './error-headers.js'
import { HttpError } from './http-error.js'

describe('withHeaders', () => {
  it('adds fields to those that the error has, whose values stay', () => {
    const error = new HttpError(429, 'slower', {
      title: 'Slow',
      type: '/slow',
      headers: { 'retry-after': '1' },
    })
    const more = { 'Retry-After': '9', 'X-A': 'a' }
    expect(withHeaders(error, more)).toMatchObject({
      status: 429,
      detail: 'slower',
      title: 'Slow',
      type: '/slow',
      headers: { 'X-A': 'a', 'retry-after': '1' },
      cause: error,
    })
    expect((withHeaders(error, more) as HttpError).headers).not.toHaveProperty('Retry-After')
    expect(error.headers).toEqual({ 'retry-after': '1' })
    expect(more).toHaveProperty('Retry-After')
  })

  it('leaves other errors alone', () => {
    const error = new TypeError('x')
    expect(withHeaders(error, { a: 'b' })).toBe(error)
  })
})
