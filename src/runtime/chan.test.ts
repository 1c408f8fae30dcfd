import { describe, expect, it } from 'vitest'
import { chan, go, run } from 'sluice'

describe('chan', () => {
  it('CH5: values arrive in the order they were sent', () =>
    run(function* () {
      const ch = chan<number>()
      go(function* () {
        for (let i = 0; i < 100; i++) yield* ch.send(i)
      })
      for (let i = 0; i < 100; i++) expect(yield* ch.recv()).toBe(i)
    }))
})
