import { createHash, timingSafeEqual } from 'node:crypto'
import { maxDocumentBytes } from '../resilience/rules/limits.js'
import type { ChangeOptions, RulesChange } from '../resilience/rules/rules-change.js'
import type { Rules } from '../resilience/rules/rules.js'
import { RulesError, StaleRulesError } from '../resilience/rules/rules-error.js'
import { ArgumentError } from '../runtime/errors.js'
import type { Operation, Routine } from '../runtime/operation.js'
import type { Middleware } from './handler.js'
import { HttpError } from './http-error.js'
import type { HttpRequest } from './request.js'
import { empty, type HttpResponse, json } from './response.js'
import { router, type Router } from './router.js'

export interface RulesApiOptions {
  /** Who shows it may read and change the rules: `Authorization: Bearer …`. 16 characters at least. */
  readonly token: string
  /** Who changes rules, for the history: the address of the client unless said. */
  readonly by?: (req: HttpRequest) => string
}

const shortestToken = 16

/**
 * Rules over HTTP, as something to mount in a router. Everything asks for the token.
 *
 * - `GET /rules`: the version, where the rules come from, and the rules; with an `ETag`.
 * - `PUT /rules` has other rules come into force; `If-Match` has to say which they are to replace.
 * - `PATCH /rules` changes some, by a merge patch (RFC 7396); `If-Match` may say which.
 * - `GET /rules/history`, `GET /rules/history/3`, and `POST /rules/rollback` with `{ "version": 3 }`.
 * - `GET /rules/schema`: a JSON Schema of rules.
 *
 * With `?dryRun=true`, what changes rules only says what would change. Rules that are wrong are answered with 422 and the path of
 * each thing that is wrong; those that were there stay.
 *
 * ```ts
 * app.use('/admin', rulesApi(all, { token: process.env.RULES_TOKEN ?? '' }))
 * ```
 * @throws ArgumentError if the token is none, or so short that it can be guessed.
 */
export function rulesApi(rules: Rules, { token, by = (req) => req.remoteAddress }: RulesApiOptions): Router {
  const authorized = bearer(token)
  const api = router()
  const optionsOf = (req: HttpRequest, needsMatch: boolean): ChangeOptions => ({
    ...expected(rules, req.header('if-match'), needsMatch),
    dryRun: isDryRun(req),
    by: by(req),
  })

  // Before each route by itself: a middleware of the router would stand before all that is not found, too.
  api.get('/rules', authorized, (req) => current(rules, req))
  api.put('/rules', authorized, function* (req) {
    const options = optionsOf(req, true)
    const document = yield* readJson(req, 'application/json')
    return yield* answer(rules, options, () => rules.replace(document, options))
  })
  api.patch('/rules', authorized, function* (req) {
    const options = optionsOf(req, false)
    const patch = yield* readJson(req, 'application/merge-patch+json', 'application/json')
    return yield* answer(rules, options, () => rules.patch(patch, options))
  })
  api.get('/rules/schema', authorized, () => shown(rules.schema))
  api.get('/rules/history', authorized, () =>
    shown({
      versions: rules
        .versions()
        .map(({ atMs, ...about }) => ({ ...about, at: new Date(atMs).toISOString() })),
    }),
  )
  api.get('/rules/history/:version', authorized, ({ params }) => {
    const version = /^[1-9][0-9]{0,14}$/.test(params.version) ? Number(params.version) : 0
    return shown({ version, rules: kept(rules, version) })
  })
  api.post('/rules/rollback', authorized, function* (req) {
    const options = optionsOf(req, false)
    const version = versionIn(yield* readJson(req, 'application/json'))
    kept(rules, version)
    return yield* answer(rules, options, () => rules.rollback(version, options))
  })
  return api
}

/** Compares digests, which are as long as one another, and takes as long however much of the token is right. */
function bearer(token: string): Middleware {
  if (typeof token !== 'string' || token.length < shortestToken) {
    throw new ArgumentError(
      `rulesApi() needs a token of at least ${shortestToken} characters, for whoever has it controls the service: make one with "openssl rand -hex 32"`,
    )
  }
  if (!/^[\w.~+/-]+=*$/.test(token))
    throw new ArgumentError(
      'rulesApi() needs a token of letters, digits and -._~+/ only, or no Authorization header could show it: make one with "openssl rand -hex 32"',
    )
  const digest = digestOf(token)
  return (req, next) => {
    const [, given] = /^Bearer +(\S+) *$/i.exec(req.header('authorization') ?? '') ?? []
    if (given !== undefined && timingSafeEqual(digestOf(given), digest)) return next()
    throw new HttpError(401, 'Rules are for those who show the token.', {
      headers: {
        'WWW-Authenticate': `Bearer realm="rules"${given === undefined ? '' : ', error="invalid_token"'}`,
      },
    })
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function current(rules: Rules, req: HttpRequest): HttpResponse {
  const { version, source, document, lastError } = rules
  const etag = etagOf(rules)
  if (tagsIn(req.header('if-none-match') ?? '').some((tag) => tag.replace(/^W\//, '') === etag))
    return empty(304, { ETag: etag, 'Cache-Control': 'no-cache' })
  const error = lastError && { message: lastError.message, errors: lastError.errors }
  return shown({ version, source, ...(error && { lastError: error }), rules: document }, { ETag: etag })
}

function shown(value: unknown, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return json(value, { headers: { 'Cache-Control': 'no-cache', ...headers } })
}

/** Versions count from 1 in each process, so the tag says as well what the rules are. */
function etagOf({ version, document }: Rules): string {
  let hash = hashes.get(document)
  if (hash === undefined) {
    hash = digestOf(JSON.stringify(document)).toString('base64url').slice(0, 16)
    hashes.set(document, hash)
  }
  return `"${version}-${hash}"`
}

const hashes = new WeakMap<object, string>()

/** Commas may stand within the quotes, so that splitting at them is wrong. Source: RFC 9110, 8.8.3. */
function tagsIn(field: string): readonly string[] {
  return field.match(/(?:W\/)?"[^"]*"/g) ?? []
}

/** Which version a change is meant for. A person may say `"3"`. Source: RFC 9110, 13.1.1; RFC 6585, 3. */
function expected(rules: Rules, ifMatch: string | undefined, isNeeded: boolean): ChangeOptions {
  if (ifMatch === undefined) {
    if (!isNeeded) return {}
    throw new HttpError(
      428,
      'Say which rules these are to replace: If-Match with the ETag of GET, or * for any.',
    )
  }
  const { version } = rules
  if (ifMatch.trim() === '*') return {}
  if (tagsIn(ifMatch).some((tag) => tag === etagOf(rules) || tag === `"${version}"`))
    return { expectedVersion: version }
  throw stale(rules)
}

function stale(rules: Rules): HttpError {
  const detail = `The rules are at version ${rules.version}, and others than If-Match says: read them again, and change those.`
  return new HttpError(412, detail, { headers: { ETag: etagOf(rules) } })
}

function isDryRun({ query }: HttpRequest): boolean {
  const value = query.get('dryRun')
  if (value === null || value === 'false') return false
  if (value === 'true') return true
  throw new HttpError(400, 'dryRun is true or false.')
}

function* readJson(req: HttpRequest, ...types: readonly string[]): Routine<unknown> {
  const type = req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === undefined || !types.includes(type)) {
    const headers =
      req.method === 'PATCH' ? { 'Accept-Patch': types.join(', ') } : { Accept: types.join(', ') }
    throw new HttpError(415, `Send ${types.join(' or ')}.`, { headers })
  }
  req.body.limit(maxDocumentBytes)
  return yield* req.json()
}

function versionIn(body: unknown): number {
  const version: unknown = (body as { version?: unknown } | null)?.version
  if (typeof version === 'number' && Number.isSafeInteger(version)) return version
  throw new HttpError(422, 'Say which version: { "version": 3 }.', {
    extra: { errors: [{ pointer: '/version', detail: 'must be a whole number' }] },
  })
}

/** The rules of a version. */
function kept(rules: Rules, version: number): unknown {
  try {
    return rules.documentOf(version)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    throw new HttpError(404, `${error.message}.`, { cause: error })
  }
}

function* answer(
  rules: Rules,
  { dryRun = false }: ChangeOptions,
  change: () => Operation<RulesChange>,
): Routine<HttpResponse> {
  try {
    const { version, changes } = yield* change()
    return shown({ version, dryRun, changes }, { ETag: etagOf(rules) })
  } catch (error) {
    if (error instanceof StaleRulesError) throw stale(rules)
    if (!(error instanceof RulesError)) throw error
    if (error.reason === 'invalid')
      throw new HttpError(422, 'The rules are not valid: nothing was changed.', {
        extra: { errors: error.errors },
      })
    throw new HttpError(503, 'The rules cannot be written where they come from: nothing was changed.', {
      cause: error,
    })
  }
}
