import { describe, expect, it } from 'vitest'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import * as v from 'valibot'
import { z } from 'zod'
import {
  checkSchema,
  problemErrors,
  type StandardSchemaV1,
  type StandardIssue,
  validate,
} from './standard-schema.js'

const zod = z.object({ items: z.array(z.object({ price: z.number() })), note: z.string().default('-') })
const valibot = v.object({
  items: v.array(v.object({ price: v.number() })),
  note: v.optional(v.string(), '-'),
})

/** The wrapper that the message for a plain JSON Schema tells of. */
function wrapped(validator: { Check(value: unknown): boolean }): StandardSchemaV1<unknown, unknown> {
  return {
    '~standard': {
      version: 1,
      vendor: 'typebox',
      validate: (value) =>
        validator.Check(value) ? { value } : { issues: [{ message: 'not as it should be', path: [] }] },
    },
  }
}

async function errorsOf(schema: StandardSchemaV1, value: unknown) {
  const { issues } = await validate(schema, value)
  return issues === undefined ? [] : problemErrors(issues)
}

describe('validate', () => {
  it.each([
    ['Zod', zod],
    ['Valibot', valibot],
  ])('gives the value as a schema of %s makes it, and at once', (_, schema) => {
    const value = { items: [{ price: 1 }] }
    expect(validate(schema, value)).toMatchObject({ value: { items: [{ price: 1 }], note: '-' } })
  })

  it.each([
    ['Zod', zod],
    ['Valibot', valibot],
  ])('gives the issues of a schema of %s', async (_, schema) => {
    const errors = await errorsOf(schema, { items: [{ price: 1 }, { price: '2' }], note: 3 })
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/items/1/price', '/note'])
    for (const { detail } of errors) expect(detail).toMatch(/expected (number|string)/i)
  })

  it('waits for a schema that is asynchronous', async () => {
    const free = z.string().refine(async (name) => name !== 'taken', 'is taken')
    const result = validate(free, 'taken')
    expect(result).toBeInstanceOf(Promise)
    expect(await errorsOf(free, 'taken')).toEqual([{ pointer: '', detail: 'is taken' }])
    expect(await validate(free, 'free')).toMatchObject({ value: 'free' })
  })

  it('takes a schema that is a function', () => {
    const schema = Object.assign(() => {}, wrapped({ Check: () => true }))
    expect(validate(schema, 1)).toEqual({ value: 1 })
  })

  it('takes what a schema of TypeBox becomes in a wrapper of a few lines', async () => {
    const schema = wrapped(Compile(Type.Object({ price: Type.Number() })))
    expect(validate(schema, { price: 1 })).toEqual({ value: { price: 1 } })
    expect(await errorsOf(schema, { price: '1' })).toEqual([{ pointer: '', detail: 'not as it should be' }])
  })
})

describe('checkSchema', () => {
  it('takes a schema', () => {
    for (const schema of [zod, valibot]) expect(() => checkSchema(schema)).not.toThrow()
  })

  class Order {}
  const jsonSchema = 'a plain JSON Schema: compile it with its library'
  it.each<[given: unknown, named: string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['string', '"string"'],
    [7, '7'],
    [true, 'true'],
    [Symbol('s'), 'Symbol(s)'],
    [{}, 'an object with the keys (none)'],
    [{ a: 1, b: 2 }, 'an object with the keys a, b'],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, 'an object with the keys a, b, c, d, e, …'],
    [Object.create(null), 'an object with the keys (none)'],
    [new Order(), 'an object of Order'],
    [Order, 'the class Order'],
    [parseInt, 'the function parseInt'],
    [() => {}, 'a function'],
    [Type.Object({}), jsonSchema],
    [{ $schema: 'https://json-schema.org/draft/2020-12/schema' }, jsonSchema],
    [{ '~standard': { version: 2, validate: () => {} } }, 'an object of another version of Standard Schema'],
    [{ '~standard': null }, 'an object of another version of Standard Schema'],
  ])('names what it was given instead: %#', (given, named) => {
    const message = `a schema has to be a Standard Schema (standardschema.dev), of Zod, Valibot or ArkType, say, not ${named}`
    expect(() => checkSchema(given)).toThrow(message)
    expect(() => validate(given as StandardSchemaV1, 1)).toThrow(message)
  })
})

describe('problemErrors', () => {
  const pointerOf = (path: StandardIssue['path']) => problemErrors([{ message: 'm', path }])[0]?.pointer

  // The examples of RFC 6901, section 5.
  it.each([
    [[], ''],
    [['foo'], '/foo'],
    [['foo', 0], '/foo/0'],
    [[''], '/'],
    [['a/b'], '/a~1b'],
    [['c%d'], '/c%d'],
    [['k"l'], '/k"l'],
    [[' '], '/ '],
    [['m~n'], '/m~0n'],
    [['~1'], '/~01'],
    [[{ key: 'items' }, { key: 0 }], '/items/0'],
    [undefined, ''],
  ])('makes a JSON Pointer of a path: %j', (path, pointer) => {
    expect(pointerOf(path)).toBe(pointer)
  })

  it('survives a path that JSON cannot have', () => {
    expect(pointerOf([Symbol('s')])).toBe('/Symbol(s)')
  })

  it('tells no more than a hundred errors, in two hundred characters each', () => {
    const errors = problemErrors(Array.from({ length: 101 }, () => ({ message: 'x'.repeat(201) })))
    expect(errors).toHaveLength(100)
    expect(errors[99]?.detail).toBe(`${'x'.repeat(199)}…`)
  })
})
