import { describe, expect, it } from 'vitest'
import { go, run } from 'sluice'
import { MemoryRequest, through } from '../../test/http/memory-exchange.js'
import type { Routine } from '../runtime/operation.js'
import { HttpError } from './http-error.js'
import { empty, type HttpResponse } from './response.js'
import { securityHeaders, type SecurityHeadersOptions } from './security-headers.js'

function* ask(
  options?: SecurityHeadersOptions,
  answer: () => HttpResponse = () => empty(),
): Routine<Record<string, string>> {
  const response = yield* through(securityHeaders(options), new MemoryRequest('GET /'), answer)
  return Object.fromEntries(response.headers)
}

describe('securityHeaders', () => {
  it('adds what OWASP recommends', () =>
    run(function* () {
      expect(yield* ask()).toEqual({
        'Content-Security-Policy':
          "default-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; upgrade-insecure-requests",
        'Cross-Origin-Embedder-Policy': 'require-corp',
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Resource-Policy': 'same-origin',
        'Permissions-Policy': expect.stringContaining('camera=()'),
        'Referrer-Policy': 'no-referrer',
        'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
        'X-Content-Type-Options': 'nosniff',
        'X-DNS-Prefetch-Control': 'off',
        'X-Frame-Options': 'deny',
        'X-Permitted-Cross-Domain-Policies': 'none',
      })
    }))

  const all = [
    'contentSecurityPolicy',
    'crossOriginEmbedderPolicy',
    'crossOriginOpenerPolicy',
    'crossOriginResourcePolicy',
    'permissionsPolicy',
    'referrerPolicy',
    'strictTransportSecurity',
    'contentTypeOptions',
    'dnsPrefetchControl',
    'frameOptions',
    'permittedCrossDomainPolicies',
  ] as const

  it.each(all)('leaves out, or changes, %s alone', (name) =>
    run(function* () {
      const before = yield* ask()
      const without = yield* ask({ [name]: false })
      const [field = '', ...others] = Object.keys(before).filter((each) => !(each in without))
      expect(others).toEqual([])
      expect(yield* ask({ [name]: 'another' })).toEqual({ ...before, [field]: 'another' })
    }),
  )

  it('keeps what the handler has set', () =>
    run(function* () {
      const fields = yield* ask({}, () => empty(204, { 'x-frame-options': 'sameorigin' }))
      expect(fields['x-frame-options']).toBe('sameorigin')
      expect(fields).not.toHaveProperty('X-Frame-Options')
    }))

  it('protects errors as well', () =>
    run(function* () {
      const req = new MemoryRequest('GET /')
      const failing = go(function* () {
        yield* through(securityHeaders(), req, () => {
          throw new HttpError(404)
        })
      })
      expect((yield* failing.outcome()).error).toMatchObject({ status: 404 })
      expect(req.errorHeaders).toMatchObject({ 'X-Content-Type-Options': 'nosniff' })
    }))

  it('refuses what no header can have, and options that it does not know', () => {
    expect(() => securityHeaders({ referrerPolicy: 'a\r\nSet-Cookie: b' })).toThrow(/Referrer-Policy/)
    expect(() => securityHeaders({ xssProtection: '0' } as SecurityHeadersOptions)).toThrow(
      /knows no option xssProtection/,
    )
  })
})
