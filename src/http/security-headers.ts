import { ArgumentError } from '../runtime/errors.js'
import type { Middleware } from './handler.js'
import { ResponseHeaders } from './response-headers.js'

const defaults = {
  /** Content-Security-Policy: what a page may load, and who may show it. */
  contentSecurityPolicy:
    "default-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; upgrade-insecure-requests",
  /** Cross-Origin-Embedder-Policy: what a page embeds has to allow it. */
  crossOriginEmbedderPolicy: 'require-corp',
  /** Cross-Origin-Opener-Policy: pages that it opens, or that open it, cannot reach into it. */
  crossOriginOpenerPolicy: 'same-origin',
  /** Cross-Origin-Resource-Policy: pages of other origins cannot load it. `cross-origin` for a public API. */
  crossOriginResourcePolicy: 'same-origin',
  /** Permissions-Policy: the devices and features that a page may use. */
  permissionsPolicy:
    'accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(self), usb=(), web-share=(), xr-spatial-tracking=(), clipboard-read=(), clipboard-write=(), gamepad=(), hid=(), idle-detection=(), serial=()',
  /** Referrer-Policy: what a page says to others of where the user came from. */
  referrerPolicy: 'no-referrer',
  /** Strict-Transport-Security: the host is reached by TLS only, for so many seconds. Heeded over TLS only. */
  strictTransportSecurity: 'max-age=31536000; includeSubDomains',
  /** X-Content-Type-Options: the type is what the response says. */
  contentTypeOptions: 'nosniff',
  /** X-DNS-Prefetch-Control: links are not looked up before they are followed. */
  dnsPrefetchControl: 'off',
  /** X-Frame-Options: for browsers that do not know `frame-ancestors`. */
  frameOptions: 'deny',
  /** X-Permitted-Cross-Domain-Policies: what Flash and PDF may load. */
  permittedCrossDomainPolicies: 'none',
} as const

type Name = keyof typeof defaults

const fields: Readonly<Record<Name, string>> = {
  contentSecurityPolicy: 'Content-Security-Policy',
  crossOriginEmbedderPolicy: 'Cross-Origin-Embedder-Policy',
  crossOriginOpenerPolicy: 'Cross-Origin-Opener-Policy',
  crossOriginResourcePolicy: 'Cross-Origin-Resource-Policy',
  permissionsPolicy: 'Permissions-Policy',
  referrerPolicy: 'Referrer-Policy',
  strictTransportSecurity: 'Strict-Transport-Security',
  contentTypeOptions: 'X-Content-Type-Options',
  dnsPrefetchControl: 'X-DNS-Prefetch-Control',
  frameOptions: 'X-Frame-Options',
  permittedCrossDomainPolicies: 'X-Permitted-Cross-Domain-Policies',
}

/** For each field another value than the default, or `false` to leave it out. */
export type SecurityHeadersOptions = { readonly [N in Name]?: string | false }

/**
 * A middleware that adds the header fields that the OWASP Secure Headers Project recommends; what a handler has set is kept.
 * They are strict: `crossOriginEmbedderPolicy`, `contentSecurityPolicy` and `crossOriginResourcePolicy` are what pages
 * with content of others need to relax. Caching is left to the handlers. Source: its `ci/headers_add.json`; helmet for the
 * two fields beside it.
 *
 * ```ts
 * app.use(securityHeaders({ frameOptions: false, contentSecurityPolicy: "default-src 'self' https://cdn.example.com" }))
 * ```
 *
 * @throws ArgumentError for an option that is none, and for a value that no header can have.
 */
export function securityHeaders(options: SecurityHeadersOptions = {}): Middleware {
  for (const name in options)
    if (!(name in fields))
      throw new ArgumentError(
        `securityHeaders() knows no option ${name}: there are ${Object.keys(fields).join(', ')}`,
      )
  const chosen = Object.entries({ ...defaults, ...options }).flatMap(([name, value]) =>
    typeof value === 'string' ? [[fields[name as Name], value] as const] : [],
  )
  const checked = Object.fromEntries(new ResponseHeaders(Object.fromEntries(chosen)))
  return function* securityHeaders(req, next) {
    req.addErrorHeaders(checked)
    const response = yield* next()
    const { headers } = response
    for (const name in checked) if (!headers.has(name)) headers.set(name, checked[name] as string)
    return response
  }
}
