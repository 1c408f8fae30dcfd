import { type JsonSchema, type SchemaFault, schemaFaults } from '../vendor/typebox.js'
import { nearest } from './nearest.js'
import { pointer, type RuleFault } from './rules-error.js'

/** What the options of a guard are, as far as a document can say them: a JSON Schema of an object. */
export interface OptionsSchema extends JsonSchema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, JsonSchema>>
  readonly required: readonly string[]
  readonly additionalProperties: false
}

/** The schema of options, of which those in `required` have to be there. */
export function optionsOf(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): OptionsSchema {
  return { type: 'object', properties, required, additionalProperties: false }
}

/** A number from `least` on. */
export function from(least: number): JsonSchema {
  return { type: 'number', minimum: least }
}

/** A number above `bound`. */
export function above(bound: number): JsonSchema {
  return { type: 'number', exclusiveMinimum: bound }
}

/** A whole number from `least` on. */
export function wholeFrom(least: number): JsonSchema {
  return { type: 'integer', minimum: least }
}

export const percentage: JsonSchema = { type: 'number', exclusiveMinimum: 0, maximum: 100 }
export const yesOrNo: JsonSchema = { type: 'boolean' }
export const anything: JsonSchema = {}

/** What is wrong with the options of a guard; `at` is where they stand in the document. */
export function optionFaults(schema: OptionsSchema, options: unknown, at: string): RuleFault[] {
  const faults = schemaFaults(schema, options).flatMap((fault) => told(schema, options, fault, at))
  // An unknown name explains one that is missing, so it comes first.
  return faults.sort((a, b) => Number(b.detail.includes('unknown')) - Number(a.detail.includes('unknown')))
}

function told(schema: OptionsSchema, options: unknown, fault: SchemaFault, at: string): RuleFault[] {
  const { keyword, instancePath, params } = fault
  const place = at + instancePath
  const value = valueAt(options, instancePath)
  const list = (param: string) => (params[param] as readonly string[] | undefined) ?? []
  switch (keyword) {
    case 'boolean': // of an option that must not be there; additionalProperties says so as well
      return []
    case 'additionalProperties':
      return list('additionalProperties').map((name) => ({
        pointer: place + pointer(name),
        detail: unknownName('option', name, Object.keys(propertiesAt(schema, instancePath))),
      }))
    case 'required':
      return list('requiredProperties').map((name) => ({
        pointer: place + pointer(name),
        detail: 'is missing',
      }))
    case 'type':
      return [{ pointer: place, detail: `must be ${typeNames(params['type'])}, not ${shown(value)}` }]
    case 'const':
      return [{ pointer: place, detail: `must be ${shown(params['allowedValue'])}, not ${shown(value)}` }]
    default:
      return [
        { pointer: place, detail: `must be ${comparison(keyword)} ${params['limit']}, not ${shown(value)}` },
      ]
  }
}

/** The words for a name that nobody knows. */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  const then = meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`
  return `is an unknown ${what}: ${known.length === 0 ? 'there are none' : then}`
}

/** A value as a message shows it: enough to find it, however large it is. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
}

function comparison(keyword: string): string {
  const words: Readonly<Record<string, string>> = {
    minimum: 'at least',
    maximum: 'at most',
    exclusiveMinimum: 'above',
    exclusiveMaximum: 'below',
  }
  return words[keyword] ?? keyword
}

function typeNames(type: unknown): string {
  const words: Readonly<Record<string, string>> = {
    integer: 'a whole number',
    number: 'a number',
    object: 'an object',
    boolean: 'true or false',
    string: 'a string',
    array: 'an array',
  }
  return [type]
    .flat()
    .map((each) => words[String(each)] ?? String(each))
    .join(' or ')
}

/** Options and their schemas are one level deep, or two: `budget`. */
function valueAt(options: unknown, instancePath: string): unknown {
  let value = options
  for (const key of instancePath.split('/').slice(1))
    value = (value as Readonly<Record<string, unknown>>)[key]
  return value
}

function propertiesAt(schema: JsonSchema, instancePath: string): object {
  let at = schema
  for (const key of instancePath.split('/').slice(1))
    at = (at['properties'] as Readonly<Record<string, JsonSchema>>)[key] as JsonSchema
  return at['properties'] as object
}
