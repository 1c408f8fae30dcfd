import { expectTypeOf, it } from 'vitest'
import { background, contextKey, withValue } from 'sluice/context'

it('CX7: a key knows the type of its value', () => {
  const key = contextKey<number>('retries')
  const ctx = withValue(background(), key, 3)
  expectTypeOf(ctx.value(key)).toEqualTypeOf<number | undefined>()
  withValue(background(), key, undefined)
  // @ts-expect-error a string under the key of a number
  withValue(background(), key, 'three')
  // @ts-expect-error may be a string
  withValue(background(), key, 3 as number | string)
  // @ts-expect-error a key is made by contextKey()
  withValue(background(), 'retries', 3)
})
