import { isDeepStrictEqual } from 'node:util'
import { maxDepth, maxDocumentBytes, maxNameLength, maxResources } from './limits.js'
import { pointer, type RuleFault } from './rules-error.js'
import { shown } from './schema.js'

/** The options of a guard, as data: `{ rate: 100, burst: 20 }`. */
export type RuleOptions = Readonly<Record<string, unknown>>

/** The guards of a resource, by kind. */
export type GuardRules = Readonly<Record<string, RuleOptions>>

/** A document whose form is right: resources by name. Frozen, and its objects inherit nothing. */
export type RulesData = Readonly<Record<string, GuardRules>>

/** What no name of a resource is, since a program that merges it somewhere else changes every object of the process. */
const dangerousNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** No rules at all. */
export const emptyDocument: RulesData = Object.freeze(Object.create(null))

/**
 * Reads anything as a document: a copy that nobody else can change, of data only. A resource that is as in `before` is the
 * same object, so that unchanged ones are found by one comparison, and a history of documents holds only their differences.
 * Whether there are such guards and options is not looked at.
 *
 * @param faults what is wrong is added here.
 */
export function readDocument(value: unknown, before: RulesData, faults: RuleFault[]): RulesData {
  const copy = new Copier(faults).copy(value, 1)
  if (faults.length > 0) return before
  if (!isObject(copy)) return refuse(faults, '', `must be an object of resources, not ${shown(copy)}`, before)
  const names = Object.keys(copy)
  if (names.length > maxResources)
    return refuse(faults, '', `names ${names.length} resources: ${maxResources} are the limit`, before)
  if (Buffer.byteLength(JSON.stringify(copy)) > maxDocumentBytes)
    return refuse(faults, '', `is longer than ${maxDocumentBytes} bytes`, before)
  const document: Record<string, GuardRules> = Object.create(null)
  for (const name of names) document[name] = readResource(name, copy[name], before[name], faults)
  return Object.freeze(document)
}

function readResource(
  name: string,
  guards: unknown,
  before: GuardRules | undefined,
  faults: RuleFault[],
): GuardRules {
  const fault = nameFault(name)
  if (fault !== undefined) faults.push({ pointer: pointer(name), detail: fault })
  if (!isObject(guards))
    return refuse(faults, pointer(name), `must be an object of guards, not ${shown(guards)}`, emptyDocument)
  const rules: Record<string, RuleOptions> = Object.create(null)
  for (const [kind, options] of Object.entries(guards)) {
    const known = before?.[kind]
    if (isObject(options)) rules[kind] = isDeepStrictEqual(known, options) ? (known ?? options) : options
    else faults.push({ pointer: pointer(name, kind), detail: noOptions(options) })
  }
  return before !== undefined && isSame(before, rules) ? before : Object.freeze(rules)
}

function isSame(before: GuardRules, rules: GuardRules): boolean {
  const kinds = Object.keys(rules)
  return kinds.length === Object.keys(before).length && kinds.every((kind) => rules[kind] === before[kind])
}

function noOptions(found: unknown): string {
  const hint = found === null ? ': {} has the defaults' : ''
  return `must be an object of options, not ${shown(found)}${hint}`
}

/** What is wrong with the name of a resource. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'is no name of a resource: it is empty'
  if (name.length > maxNameLength)
    return `is no name of a resource: it has more than ${maxNameLength} characters`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a name must not hold.
  if (/[\0-\x1f\x7f]/.test(name)) return 'is no name of a resource: it has a control character'
  if (dangerousNames.has(name)) return 'is no name of a resource: code that merges it changes prototypes'
  return undefined
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse<T>(faults: RuleFault[], at: string, detail: string, instead: T): T {
  faults.push({ pointer: at, detail })
  return instead
}

/** Copies JSON data into frozen objects that inherit nothing. */
class Copier {
  private readonly path: string[] = []

  constructor(private readonly faults: RuleFault[]) {}

  copy(value: unknown, depth: number): unknown {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
    if (typeof value === 'number')
      return Number.isFinite(value)
        ? value
        : this.refuse(`must be a finite number, not ${value}: leave it out for no limit`)
    if (typeof value !== 'object') return this.refuse(`must be JSON data, not ${describe(value)}`)
    if (depth > maxDepth) return this.refuse(`is nested deeper than ${maxDepth} levels`)
    if (Array.isArray(value)) return Object.freeze(value.map((each, i) => this.below(String(i), each, depth)))
    const prototype: unknown = Object.getPrototypeOf(value)
    // An object of another realm (node:vm) has another prototype, that inherits nothing as well.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
      return this.refuse(`must be JSON data, not ${describe(value)}`)
    return this.copyObject(value, depth)
  }

  private copyObject(value: object, depth: number): unknown {
    const copy: Record<string, unknown> = Object.create(null)
    for (const [key, each] of Object.entries(value)) {
      if (each === undefined) continue // as in JSON
      if (key === '__proto__') this.below(key, notAllowed, depth)
      else copy[key] = this.below(key, each, depth)
    }
    return Object.freeze(copy)
  }

  private below(key: string, value: unknown, depth: number): unknown {
    this.path.push(key)
    const copy =
      value === notAllowed
        ? this.refuse('is not allowed: code that merges it changes prototypes')
        : this.copy(value, depth + 1)
    this.path.pop()
    return copy
  }

  private refuse(detail: string): undefined {
    this.faults.push({ pointer: pointer(...this.path), detail })
    return undefined
  }
}

const notAllowed = Symbol('not allowed')

function describe(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`
  return `an object of ${value.constructor?.name}`
}
