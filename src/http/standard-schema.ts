import { ArgumentError } from '../runtime/errors.js'

/**
 * What validators have in common: Zod, Valibot, ArkType and others are all this. Copied from the specification, which
 * is meant to be copied, so that using it needs no package. Source: https://standardschema.dev, version 1.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    /** The library the schema is made with. */
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    /** Never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** The value as the schema makes it, with defaults and conversions, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  /** The keys that lead to it, from the outermost; none for the whole value. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a handler sees of a valid value. */
export type OutputOf<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['output']

/** One thing that is wrong with a document, as a member of a problem's `errors`. Source: RFC 9457, section 3. */
export interface ProblemError {
  /** Where, as a JSON Pointer (RFC 6901): `/items/0/price`; empty for the whole document. */
  readonly pointer: string
  readonly detail: string
}

/**
 * Runs a schema on a value. The result is a promise if the schema is asynchronous, which only it knows.
 * @throws ArgumentError if it is not a Standard Schema; see `checkSchema`.
 */
export function validate<Output>(
  schema: StandardSchemaV1<unknown, Output>,
  value: unknown,
): StandardResult<Output> | Promise<StandardResult<Output>> {
  if (!isStandardSchema(schema)) throw noSchema(schema)
  return schema['~standard'].validate(value)
}

/**
 * Says at once, where a route is declared and not when the first request comes, that something is not a schema.
 * @throws ArgumentError
 */
export function checkSchema(schema: unknown): asserts schema is StandardSchemaV1 {
  if (!isStandardSchema(schema)) throw noSchema(schema)
}

// A schema may be a function: ArkType's are.
function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false
  const standard: unknown = Reflect.get(schema, '~standard')
  if (typeof standard !== 'object' || standard === null) return false
  return (
    'version' in standard &&
    standard.version === 1 &&
    'validate' in standard &&
    typeof standard.validate === 'function'
  )
}

/** More errors than this help nobody, and a small body could ask for a large answer. */
const maxErrors = 100

/** What a validator says of a value may repeat the value. */
const maxDetail = 200

/** What is wrong, for the `errors` of a problem: the first 100, each message cut to 200 characters. */
export function problemErrors(issues: readonly StandardIssue[]): ProblemError[] {
  return issues
    .slice(0, maxErrors)
    .map(({ message, path }) => ({ pointer: pointerOf(path), detail: shortened(message) }))
}

/** The JSON Pointer of a path. Source: RFC 6901, section 3. */
function pointerOf(path: StandardIssue['path'] = []): string {
  return path
    .map((segment) => `/${escapeToken(typeof segment === 'object' ? segment.key : segment)}`)
    .join('')
}

// In this order: the tempting other one makes ~1 of a slash, and then ~01 of that.
function escapeToken(key: PropertyKey): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1')
}

function shortened(message: string): string {
  return message.length > maxDetail ? `${message.slice(0, maxDetail - 1)}…` : message
}

function noSchema(given: unknown): ArgumentError {
  return new ArgumentError(
    `a schema has to be a Standard Schema (standardschema.dev), of Zod, Valibot or ArkType, say, not ${describe(given)}`,
  )
}

function describe(given: unknown): string {
  if (given === null) return 'null'
  if (typeof given === 'function') {
    return given.name === ''
      ? 'a function'
      : `the ${/^class\b/.test(String(given)) ? 'class' : 'function'} ${given.name}`
  }
  if (typeof given !== 'object')
    return `${typeof given === 'string' ? JSON.stringify(given.slice(0, 40)) : String(given)}`
  if ('~standard' in given) return 'an object of another version of Standard Schema'
  if ('type' in given || '$schema' in given || '~kind' in given) {
    return 'a plain JSON Schema: compile it with its library, and wrap it as { "~standard": { version: 1, vendor, validate } }'
  }
  const name: unknown = given.constructor?.name
  return typeof name === 'string' && name !== 'Object'
    ? `an object of ${name}`
    : `an object with the keys ${keysOf(given)}`
}

function keysOf(given: object): string {
  const keys = Object.keys(given)
  if (keys.length === 0) return '(none)'
  return keys.slice(0, 5).join(', ') + (keys.length > 5 ? ', …' : '')
}
