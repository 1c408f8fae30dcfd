import { describe, expect, it } from 'vitest'
import { ArgumentError, Canceled, RuntimeError } from 'sluice'
import { DeadlineExceeded } from 'sluice/context'
import { registerError } from './carried-errors.js'
import { Codec, NotCarriedError } from './codec.js'

const shared = new SharedArrayBuffer(1 << 18)
const codec = new Codec({
  bytes: Buffer.from(shared),
  words: new Int32Array(shared),
  floats: new Float64Array(shared),
})

function thereAndBack<T>(value: T): T {
  expect(codec.encode(value, 64, 1 << 18)).toBeGreaterThan(64)
  return codec.decode(64) as T
}

class PaymentError extends Error {
  static made = 0
  readonly amount: number
  override readonly name = 'PaymentError'

  constructor(amount: number) {
    super(`cannot pay ${amount}`)
    this.amount = amount
    PaymentError.made++
  }

  get isLarge(): boolean {
    return this.amount > 1000
  }
}
registerError(PaymentError)

describe('an error', () => {
  it.each([Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError])(
    'of a class of the language comes back as one: %o',
    (each) => {
      const error = new each('broken')
      const back = thereAndBack(error)
      expect(Object.getPrototypeOf(back)).toBe(each.prototype)
      expect([back.name, back.message, back.stack]).toEqual([error.name, 'broken', error.stack])
      expect(Object.keys(back)).toEqual([])
      expect(Object.hasOwn(back, 'cause')).toBe(false)
      expect(back.toString()).toBe(error.toString())
    },
  )

  it.each([
    new ArgumentError('bad'),
    new RuntimeError('close of closed channel'),
    new Canceled('stop'),
    new DeadlineExceeded(),
    new NotCarriedError('args[0]', { what: 'a function', remedy: 'pass data' }),
  ])('of a class of Sluice comes back as one: %o', (error) => {
    const back = thereAndBack(error)
    expect(back).toBeInstanceOf(error.constructor)
    expect([back.name, back.code, back.message]).toEqual([error.name, error.code, error.message])
    expect(back.cause).toBe(error.cause)
    expect({ ...back }).toEqual({ ...error })
  })

  it('of a registered class comes back as one, without a call of its constructor', () => {
    const error = new PaymentError(2000)
    const { made } = PaymentError
    const back = thereAndBack(error)
    expect(PaymentError.made).toBe(made)
    expect(back).toBeInstanceOf(PaymentError)
    expect([back.amount, back.isLarge, back.message, back.name]).toEqual([
      2000,
      true,
      'cannot pay 2000',
      'PaymentError',
    ])
    expect(back.stack).toBe(error.stack)
  })

  it('of an unknown class comes back as what that extends, under its name', () => {
    class Lost extends Error {
      override name = 'LostError'
    }
    class Narrow extends TypeError {
      override get name(): string {
        return 'NarrowError'
      }
    }
    const lost = thereAndBack(new Lost('where'))
    expect(Object.getPrototypeOf(lost)).toBe(Error.prototype)
    expect(lost.toString()).toBe('LostError: where')
    const narrow = thereAndBack(new Narrow('slim'))
    expect(Object.getPrototypeOf(narrow)).toBe(TypeError.prototype)
    expect([narrow.name, Object.keys(narrow)]).toEqual(['NarrowError', []])
  })

  it('takes its properties along, and leaves out what cannot cross', () => {
    const error = Object.assign(new Error('no such file'), {
      code: 'ENOENT',
      errno: -2,
      details: { path: '/x' },
      retry: () => 1,
      socket: { on: () => 1 },
    })
    const back = thereAndBack(error)
    expect({ ...back }).toEqual({ code: 'ENOENT', errno: -2, details: { path: '/x' } })
  })

  it('takes its causes along, one after the other', () => {
    const error = new Error('outer', { cause: new PaymentError(1) })
    ;(error.cause as Error).cause = { status: 503 }
    const back = thereAndBack(error)
    expect(back.cause).toBeInstanceOf(PaymentError)
    expect((back.cause as Error).cause).toEqual({ status: 503 })
    expect(Object.keys(back)).toEqual([])
    expect(Object.hasOwn(thereAndBack(new Error('x', { cause: undefined })), 'cause')).toBe(true)
  })

  it('has as its cause the text of one that cannot cross', () => {
    expect(thereAndBack(new Error('x', { cause: Symbol('odd') })).cause).toBe('Symbol(odd)')
    const odd = Object.assign(Object.create(null) as object, { f: () => 1 })
    expect(thereAndBack(new Error('x', { cause: odd })).cause).toBe('[object Object]')
  })

  it('that holds others brings them', () => {
    const error = new AggregateError([new RangeError('a'), 'b', () => 1], 'all failed')
    const back = thereAndBack(error)
    expect(back).toBeInstanceOf(AggregateError)
    expect(back.errors[0]).toBeInstanceOf(RangeError)
    expect(back.errors.slice(1)).toEqual(['b', '() => 1'])
    expect(Object.keys(back)).toEqual([])
  })

  it('that is its own cause stays so', () => {
    const error = new PaymentError(3)
    error.cause = error
    const back = thereAndBack(error)
    expect(back).toBeInstanceOf(PaymentError)
    expect(back.cause).toBe(back)
  })

  it('of the platform comes back with its name and code', () => {
    const back = thereAndBack(AbortSignal.abort().reason as DOMException)
    expect(back).toBeInstanceOf(DOMException)
    expect([back.name, back.code]).toEqual(['AbortError', 20])
    expect(back.message).toBe('This operation was aborted')
  })

  it('is carried even if its properties throw when they are read', () => {
    const error = new Error('x')
    Object.defineProperty(error, 'bad', {
      enumerable: true,
      get() {
        throw new Error('no')
      },
    })
    expect(thereAndBack(error).message).toBe('x')
  })

  it('crosses inside other data, and a thrown value that is no error crosses as itself', () => {
    const back = thereAndBack({ results: [{ error: new PaymentError(1) }] })
    expect(back.results[0]?.error).toBeInstanceOf(PaymentError)
    expect(thereAndBack('just text')).toBe('just text')
  })
})

describe('registerError', () => {
  it('takes the same class again', () => {
    expect(() => registerError(PaymentError)).not.toThrow()
  })

  it.each([
    ['no class of errors', Map as unknown as typeof Error, 'needs a class that extends Error'],
    [
      'no class',
      'PaymentError' as unknown as typeof Error,
      'needs a class that extends Error, not PaymentError',
    ],
    ['a class without a name', class extends Error {}, 'needs a class with a name'],
    [
      'a second one of a name',
      class PaymentError extends Error {},
      'there is another class of errors named PaymentError',
    ],
    [
      'one named as a known one',
      class Canceled extends Error {},
      'there is another class of errors named Canceled',
    ],
  ])('refuses %s', (_, each, message) => {
    expect(() => registerError(each)).toThrow(ArgumentError)
    expect(() => registerError(each)).toThrow(message)
  })
})
