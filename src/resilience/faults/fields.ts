import { ArgumentError } from '../../runtime/errors.js'

/** The fields of an object that came as data, and where it stands: what is wrong with one is told with its path. */
export class Fields {
  /** @internal */
  constructor(
    readonly path: string,
    private readonly values: Readonly<Record<string, unknown>>,
  ) {}

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  get(name: string): unknown {
    return Object.hasOwn(this.values, name) ? this.values[name] : undefined
  }

  /** @throws ArgumentError if there is a field of another name. */
  only(...names: readonly string[]): void {
    const other = Object.keys(this.values).find((name) => !names.includes(name))
    if (other !== undefined)
      throw new ArgumentError(
        `faults: ${this.path} has no field ${JSON.stringify(other)}: there are ${names.join(', ')}`,
      )
  }
}

/** @throws ArgumentError if it is no object with fields. */
export function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ArgumentError(`faults: ${path} is an object, not ${told(value)}`)
  return new Fields(path, value as Readonly<Record<string, unknown>>)
}

/** Which numbers may be. */
export interface NumberRange {
  readonly from?: number
  /** As `from`, but without the number itself. */
  readonly above?: number
  readonly to: number
  readonly unit?: string
  readonly isWhole?: boolean
}

/** @throws ArgumentError if the field is no number in the range. */
export function numberOf(fields: Fields, name: string, range: NumberRange): number {
  const value = fields.get(name)
  const { from = -Infinity, above = -Infinity, to, isWhole = false } = range
  const isGood =
    typeof value === 'number' &&
    value >= from &&
    value > above &&
    value <= to &&
    (!isWhole || Number.isInteger(value))
  if (!isGood)
    throw new ArgumentError(`faults: ${fields.path}.${name} is ${rangeText(range)}, not ${told(value)}`)
  return value
}

function rangeText({ from, above, to, unit = '', isWhole = false }: NumberRange): string {
  const begin = from === undefined ? `above ${above}` : `from ${from}`
  return `a ${isWhole ? 'whole ' : ''}number ${begin}, to ${to} ${unit}`.trim()
}

/** @throws ArgumentError if the field is no text of this form. */
export function textOf(fields: Fields, name: string, form: RegExp, what: string): string {
  const value = fields.get(name)
  if (typeof value !== 'string' || !form.test(value))
    throw new ArgumentError(`faults: ${fields.path}.${name} is ${what}, not ${told(value)}`)
  return value
}

/** A value as it is told in a message: no longer than a line. */
export function told(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : `a ${typeof value}`
}
