import { describe, expectTypeOf, it } from 'vitest'
import {
  type Chan,
  chan,
  go,
  type Operation,
  type RecvChan,
  type Routine,
  type SendChan,
  select,
} from 'sluice'

describe('types', () => {
  const both = chan<number>()
  const send: SendChan<number> = both
  const recv: RecvChan<number> = both

  it('CH23: a channel gives either end, and an end gives no channel', () => {
    expectTypeOf(both).toMatchTypeOf<SendChan<number>>()
    expectTypeOf(both).toMatchTypeOf<RecvChan<number>>()
    // @ts-expect-error a sending end is no channel
    const a: Chan<number> = send
    // @ts-expect-error a receiving end is no channel
    const b: Chan<number> = recv
    // @ts-expect-error the ends are different
    const c: RecvChan<number> = send
    // @ts-expect-error the ends are different
    const d: SendChan<number> = recv
    void [a, b, c, d]
  })

  it('CH23: an end has only its own operations', () => {
    // @ts-expect-error sending on the receiving end
    void recv.send
    // @ts-expect-error closing the receiving end
    void recv.close
    // @ts-expect-error receiving on the sending end
    void send.recv
    // @ts-expect-error ranging over the sending end
    void send[Symbol.asyncIterator]
  })

  it('knows what is received, and what may be sent', () => {
    expectTypeOf(recv.recv()).toEqualTypeOf<Operation<number | undefined>>()
    // @ts-expect-error a string into a channel of numbers
    const wrong: Operation<void> = both.send('text')

    const wider: RecvChan<number | string> = recv
    const narrower: SendChan<1> = send
    void [wrong, wider, narrower]
  })

  it('types the result of a select by its key', () => {
    void function* (): Routine<void> {
      const r = yield* select({ n: chan<number>().recv(), s: chan<string>().send('x'), off: undefined })
      expectTypeOf(r.key).toEqualTypeOf<'n' | 's' | 'off'>()
      if (r.key === 'n') expectTypeOf(r.value).toEqualTypeOf<number | undefined>()
      if (r.key === 's') expectTypeOf(r.value).toEqualTypeOf<void>()
    }
  })

  it('types the arguments and the value of a goroutine', () => {
    void function* (): Routine<void> {
      expectTypeOf(
        yield* go(function* (n: number) {
          return `${n}`
        }, 1),
      ).toEqualTypeOf<string>()
      expectTypeOf(yield* go(async (s: string) => s.length, 'x')).toEqualTypeOf<number>()
      expectTypeOf(yield* go((s: string) => s.length, 'x')).toEqualTypeOf<number>()
      // @ts-expect-error a string for a number
      go((n: number) => n, 'x')
      // @ts-expect-error an argument is missing
      go((n: number) => n)
    }
  })
})
