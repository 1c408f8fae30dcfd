import { ArgumentError } from '../runtime/errors.js'
import { isThenable } from '../runtime/go.js'
import type { Operation, Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { FormFields } from './form-fields.js'
import type { Next, Reply } from './handler.js'
import { HttpError } from './http-error.js'
import type { HttpRequest } from './request.js'
import type { HttpResponse } from './response.js'
import type { Validates } from './route-stack.js'
import {
  checkSchema,
  type OutputOf,
  problemErrors,
  type StandardResult,
  type StandardSchemaV1,
} from './standard-schema.js'

export interface BodyOptions {
  /** In bytes; the server's limit unless given. Beyond it the answer is 413. */
  readonly maxBytes?: number
  /**
   * What is accepted, by Content-Type; the answer to another one is 415. JSON unless given. A form is an object of its
   * fields: a string, or an array of strings where a name is there several times.
   */
  readonly type?: 'json' | 'form' | 'json or form'
}

/**
 * A middleware that reads the body, has `schema` look at it (a Standard Schema: Zod, Valibot, ArkType …) and makes
 * `req.valid` of it, as the schema converts it. The answer to one that is not valid is 422 with `errors`, each with the
 * JSON Pointer of the place.
 *
 * ```ts
 * app.post('/orders', body(order), (req) => json(save(req.valid), { status: 201 }))
 * ```
 * @throws ArgumentError if `schema` is no Standard Schema, `maxBytes` no whole number from 0.
 */
export function body<S extends StandardSchemaV1>(
  schema: S,
  { maxBytes, type = 'json' }: BodyOptions = {},
): Validates<OutputOf<S>> {
  checkSchema(schema)
  if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes >= 0))
    throw new ArgumentError(`maxBytes has to be a whole number of bytes, not ${maxBytes}`)
  const read = readers[type]
  if (read === undefined)
    throw new ArgumentError(`type has to be ${Object.keys(readers).join(', ')}, not ${String(type)}`)
  const standard = schema['~standard']

  // Plain, not a generator function: where the body is there already, as it is with most requests, no goroutine has to
  // be made for it.
  return function body(req: HttpRequest, next: Next): Reply {
    if (maxBytes !== undefined) req.body.limit(maxBytes)
    const reading = read(req).claim()
    if (!reading.attempt()) return whenRead(read(req), standard, req, next)
    if (reading.failed) throw reading.value
    const result = standard.validate(documentOf(reading.value))
    if (isThenable(result)) return whenValidated(result, req, next)
    accept(result, req)
    return next()
  }
}

type Standard = StandardSchemaV1['~standard']

function* whenRead(
  reading: Operation<unknown>,
  standard: Standard,
  req: HttpRequest,
  next: Next,
): Routine<HttpResponse> {
  const result = standard.validate(documentOf(yield* reading))
  accept(isThenable(result) ? yield* wait(result) : result, req)
  return yield* next()
}

function* whenValidated(
  result: PromiseLike<StandardResult<unknown>>,
  req: HttpRequest,
  next: Next,
): Routine<HttpResponse> {
  accept(yield* wait(result), req)
  return yield* next()
}

function accept(result: StandardResult<unknown>, req: HttpRequest): void {
  if (result.issues !== undefined)
    throw new HttpError(422, 'The body is not valid.', { extra: { errors: problemErrors(result.issues) } })
  req.valid = result.value
}

const readers: Readonly<Record<NonNullable<BodyOptions['type']>, (req: HttpRequest) => Operation<unknown>>> =
  {
    json: (req) => req.json(),
    form: (req) => req.form(),
    'json or form': (req) => (isForm(req) ? req.form() : req.json()),
  }

function isForm(req: HttpRequest): boolean {
  return /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(req.header('content-type') ?? '')
}

/** What a schema looks at: of a form, its fields as an object. */
function documentOf(read: unknown): unknown {
  if (!(read instanceof FormFields)) return read
  // Inherits nothing, so that a field called __proto__ is a field.
  const fields: Record<string, string | string[]> = Object.create(null)
  for (const [name] of read) {
    const values = read.getAll(name)
    fields[name] = values.length === 1 ? (values[0] as string) : values
  }
  return fields
}
