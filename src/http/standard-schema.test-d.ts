import { expectTypeOf, it } from 'vitest'
import * as v from 'valibot'
import { z } from 'zod'
import { type OutputOf, type StandardResult, validate } from './standard-schema.js'

it('knows what a schema makes of a value', () => {
  const zod = z.object({ price: z.coerce.number(), note: z.string().default('-') })
  const valibot = v.object({ price: v.pipe(v.string(), v.transform(Number)) })

  expectTypeOf<OutputOf<typeof zod>>().toEqualTypeOf<{ price: number; note: string }>()
  expectTypeOf<OutputOf<typeof valibot>>().toEqualTypeOf<{ price: number }>()
  type Result = StandardResult<{ price: number }>
  expectTypeOf(validate(valibot, {})).toEqualTypeOf<Result | Promise<Result>>()
})
