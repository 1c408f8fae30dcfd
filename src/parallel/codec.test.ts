import { createHmac, generateKeySync } from 'node:crypto'
import { URL } from 'node:url'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, chan, go } from 'sluice'
import { Codec, type Extension, move, needsPort, noRoom, NotCarriedError, transferListOf } from './codec.js'

/** A codec on shared memory, and that memory. */
function setUp(bytes = 1 << 16, extensions: readonly Extension[] = []) {
  const shared = new SharedArrayBuffer(bytes)
  const memory = {
    bytes: Buffer.from(shared),
    words: new Int32Array(shared),
    floats: new Float64Array(shared),
  }
  return { memory, codec: new Codec(memory, extensions) }
}

const { codec } = setUp(1 << 20)

function thereAndBack(value: unknown, by = codec): unknown {
  const end = by.encode(value, 64, 1 << 20)
  expect(end % 8).toBe(0)
  expect(end).toBeGreaterThan(64)
  return by.decode(64)
}

function fault(value: unknown, root?: string): NotCarriedError {
  try {
    codec.encode(value, 64, 1 << 20, root)
  } catch (error) {
    if (error instanceof NotCarriedError) return error
    throw error
  }
  throw new Error('it was carried')
}

// Everything that the codec and structuredClone carry alike.
const leaf = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(undefined, null, true, false, -0, 2 ** 31, -(2 ** 31), 2 ** 53),
  fc.bigInt(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units)), // lone surrogates
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(/a+/gi, /\//u, /(?:)/),
  fc.uint8Array({ maxLength: 40 }),
  fc.float64Array({ maxLength: 5 }),
  fc.int16Array({ maxLength: 5 }),
  fc.bigUint64Array({ maxLength: 5 }),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => new Uint8Array(bytes).buffer),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => new DataView(new Uint8Array(bytes).buffer)),
)
const key = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constant('__proto__'),
)
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 6 }),
    fc
      .array(fc.tuple(key, tie('tree')), { maxLength: 6 })
      .map((entries) => Object.fromEntries(entries) as unknown),
    fc.array(fc.tuple(tie('tree'), tie('tree')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('tree'), { maxLength: 4 }).map((values) => new Set(values)),
  ),
}))

describe('Codec', () => {
  it('gives back what structuredClone gives, for any data', () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(thereAndBack(value)).toStrictEqual(structuredClone(value))
      }),
      { numRuns: 500 },
    )
  })

  it('writes within its limits or not at all, wherever it writes, in no more than sizeOf says', () => {
    const { memory, codec } = setUp(8192)
    fc.assert(
      fc.property(tree, fc.nat(200), fc.nat(120), (value, cell, room) => {
        const at = cell * 8
        const limit = at + room * 8
        memory.bytes.fill(0xa5)
        const end = codec.encode(value, at, limit)
        if (end === noRoom) expect(codec.sizeOf(value)).toBeGreaterThan(limit - at - 8)
        else {
          expect(end).toBeLessThanOrEqual(limit)
          expect(codec.decode(at)).toStrictEqual(structuredClone(value))
        }
        const untouched = Buffer.alloc(8192, 0xa5)
        expect(memory.bytes.subarray(0, at).equals(untouched.subarray(0, at))).toBe(true)
        expect(memory.bytes.subarray(limit).equals(untouched.subarray(limit))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('fits into what sizeOf says', () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(codec.encode(value, 0, codec.sizeOf(value))).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })

  it('carries the numbers that look alike as what they are', () => {
    for (const each of [
      0,
      -0,
      Number.NaN,
      Infinity,
      -Infinity,
      2 ** 31 - 1,
      2 ** 31,
      0.1,
      Number.MIN_VALUE,
    ]) {
      expect(Object.is(thereAndBack(each), each)).toBe(true)
    }
  })

  it('carries bigints of any size', () => {
    for (const each of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, -(2n ** 200n)]) {
      expect(thereAndBack(each)).toBe(each)
    }
  })

  it('carries strings of every length around the borders between the ways of writing them', () => {
    for (const character of ['a', 'é', '語', '\0', '\ud800']) {
      for (let length = 0; length < 40; length++) {
        const text = character.repeat(length)
        expect(thereAndBack(text)).toBe(text)
        expect(thereAndBack(`${text}語`)).toBe(`${text}語`)
      }
    }
  })

  it('tells short strings apart that differ in their length or their last character only', () => {
    const texts = [
      '',
      '\0',
      '\0\0',
      'a',
      'a\0',
      'abcdefgh',
      'abcdefg',
      'abcdefgi',
      'abcdefgh\0',
      'abcdefghijklmnop',
    ]
    for (const text of [...texts, ...texts]) expect(thereAndBack(text)).toBe(text)
  })

  it('tells objects apart by their keys', () => {
    const objects = [
      {},
      { '': 1 },
      { '': 1, a: 2 },
      { 'a\nb': 1 },
      { a: 1, b: 2 },
      { b: 1, a: 2 },
      { ä: 1 },
      { 語: 1 },
    ]
    for (const each of [...objects, ...objects]) {
      const back = thereAndBack(each)
      expect(back).toStrictEqual(each)
      expect(Object.keys(back as object)).toEqual(Object.keys(each))
    }
  })

  it('carries more shapes than it remembers, and objects of many keys', () => {
    for (let i = 0; i < 1000; i++) {
      const value = { [`first${i}`]: i, [`second${i % 50}`]: 'x' }
      expect(thereAndBack(value)).toStrictEqual(value)
    }
    const table = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key ${i}`, i]))
    expect(thereAndBack(table)).toStrictEqual(table)
  })

  it('leaves the prototype alone, whatever a key is called', () => {
    const value = JSON.parse('{"__proto__": {"isAdmin": true}, "a": 1}') as object
    const back = thereAndBack(value) as { isAdmin?: boolean }
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(back.isAdmin).toBeUndefined()
    expect(Object.keys(back)).toEqual(['__proto__', 'a'])
  })

  it('gives an object without a prototype back without one', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1, b: [2] })
    const back = thereAndBack(bare) as object
    expect(Object.getPrototypeOf(back)).toBeNull()
    expect({ ...back }).toEqual({ a: 1, b: [2] })
    const table = Object.create(null) as Record<string, number>
    for (let i = 0; i < 100; i++) table[`k${i}`] = i
    expect(Object.getPrototypeOf(thereAndBack(table))).toBeNull()
  })

  it('reads getters, leaves symbols as keys out, and makes holes undefined', () => {
    const value = {
      get sum() {
        return 3
      },
      [Symbol('hidden')]: 1,
    }
    expect(thereAndBack(value)).toStrictEqual({ sum: 3 })
    const holed: unknown[] = []
    holed[2] = 1
    expect(thereAndBack(holed)).toStrictEqual([undefined, undefined, 1])
  })

  it('may be used by a getter while it encodes', () => {
    const value = {
      before: 1,
      get used() {
        codec.encode(['inner'], 4096, 8192)
        return codec.decode(4096)
      },
      after: 2,
    }
    expect(thereAndBack(value)).toStrictEqual({ before: 1, used: ['inner'], after: 2 })
  })

  it('copies bytes out of the memory, and only those that are seen', () => {
    const bytes = new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 4)
    const back = thereAndBack(bytes) as Uint8Array
    codec.encode('something else', 64, 1024)
    expect([...back]).toEqual([2, 3, 4])
    expect(back.buffer).toBeInstanceOf(ArrayBuffer)
    expect(back.buffer.byteLength).toBe(3)
  })

  it('gives a Buffer back as a Buffer', () => {
    for (const size of [0, 3, 20_000]) {
      const back = thereAndBack(Buffer.alloc(size, 7)) as Buffer
      expect(Buffer.isBuffer(back)).toBe(true)
      expect(back).toEqual(Buffer.alloc(size, 7))
      expect(back.buffer).toBeInstanceOf(ArrayBuffer)
    }
  })

  it('makes two of an object that is held twice', () => {
    const part = { n: 1 }
    const [first, second] = thereAndBack([part, part]) as object[]
    expect(first).toStrictEqual(second)
    expect(first).not.toBe(second)
  })

  it('gives back what holds itself, holding itself', () => {
    const value: Record<string, unknown> = { list: [], map: new Map(), bare: Object.create(null), text: 'x' }
    value['self'] = value
    ;(value['list'] as unknown[]).push(value)
    ;(value['map'] as Map<unknown, unknown>).set(value, new Set([value]))
    ;(value['bare'] as Record<string, unknown>)['back'] = value
    value['buffer'] = Buffer.from('abc')
    value['error'] = new TypeError('x', { cause: value })
    const back = thereAndBack(value) as typeof value
    expect(back['self']).toBe(back)
    expect((back['list'] as unknown[])[0]).toBe(back)
    expect([...(back['map'] as Map<unknown, Set<unknown>>).keys()]).toEqual([back])
    expect((back['map'] as Map<unknown, Set<unknown>>).get(back)?.has(back)).toBe(true)
    expect((back['bare'] as typeof value)['back']).toBe(back)
    expect(Object.getPrototypeOf(back['bare'])).toBeNull()
    expect(Buffer.isBuffer(back['buffer'])).toBe(true)
    expect(back['error']).toBeInstanceOf(TypeError)
    expect((back['error'] as Error).cause).toBe(back)
    expect(codec.encode(value, 64, 72)).toBe(noRoom)
    expect(codec.encode(value, 64, 64 + codec.sizeOf(value))).toBeGreaterThan(64)
  })

  it('carries what is deep, and says so of what is too deep for the stack', () => {
    const nested = (depth: number): unknown => {
      let value: unknown = 'bottom'
      for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { value }
      return value
    }
    for (const depth of [99, 100, 101, 102, 500]) {
      expect(thereAndBack(nested(depth))).toStrictEqual(nested(depth))
    }
    expect(() => codec.sizeOf(nested(200_000))).toThrow(NotCarriedError)
    expect((thereAndBack(new Error('x', { cause: nested(200_000) })) as Error).message).toBe('x')
    expect(fault(nested(200_000), 'args').message).toBe(
      'args cannot go to another thread: it is nested too deeply; pass a flat list of its parts',
    )
  })

  it('counts a value whose parts are held over and over only up to the largest block', () => {
    let value: unknown = 'x'
    for (let i = 0; i < 60; i++) value = [value, value]
    expect(codec.encode(value, 64, 4096)).toBe(noRoom)
    expect(codec.sizeOf(value)).toBe(Infinity)
  })

  it('throws at what is no value, instead of reading for ever', () => {
    const { memory, codec } = setUp(1024)
    memory.bytes.fill(0xff)
    expect(() => codec.decode(0)).toThrow('codec: no value begins at byte 0')
    memory.words[0] = 12 // an array of 2^31 - 1 items, which the memory does not have
    memory.words[1] = 0x7fff_ffff
    expect(() => codec.decode(0)).toThrow('codec: no value begins at byte 8')
  })
})

describe('a value that cannot cross', () => {
  class Order {
    id = 1
    total(): number {
      return 0
    }
  }
  class Point {
    x = 1
  }
  const pass = 'pass its data as a plain object, and build the instance in the task'
  it.each<[string, unknown, string, string]>([
    [
      'a function',
      [{ user: { onSave: () => 1 } }],
      'args[0].user.onSave',
      'a function; pass data, or make it a task in a module and call that',
    ],
    [
      'a class',
      [Order],
      'args[0]',
      'a class, Order; pass data, and import the class in the module of the task',
    ],
    ['a symbol', ['x', Symbol('s')], 'args[1]', 'a symbol; pass a string'],
    [
      'an instance',
      [{ 'the order': new Order() }],
      'args[0]["the order"]',
      `an instance of class Order, which has methods that would be lost; ${pass}`,
    ],
    [
      'an instance without methods',
      [new Point()],
      'args[0]',
      `an instance of class Point, which would come back without it; ${pass}`,
    ],
    [
      'an instance of a subclass',
      [new (class Names extends Array<string> {})()],
      'args[0]',
      `an instance of class Names, which would come back without it; ${pass}`,
    ],
    [
      'an object made on another',
      [Object.create({ a: 1 })],
      'args[0]',
      'an object with a prototype of its own; pass a plain object',
    ],
    ['a Promise', [Promise.resolve(1)], 'args[0]', 'a Promise; await it, and pass what it gives'],
    ['a WeakMap', [[new WeakMap()]], 'args[0][0]', 'a WeakMap; pass a Map'],
    ['a URL', [new URL('http://host/')], 'args[0]', 'a URL; pass url.href'],
    ['a channel', [chan(1)], 'args[0]', 'a channel of this thread only; use sharedChan()'],
    [
      'an operation',
      [chan(1).recv()],
      'args[0]',
      'an operation of this thread only; wait for it, and pass what it gives',
    ],
    [
      'a Hmac',
      [createHmac('sha1', 'key')],
      'args[0]',
      `an instance of class Hmac, which has methods that would be lost; ${pass}`,
    ],
    [
      'a value of a Map',
      [new Map([['save', () => 1]])],
      'args[0].get("save")',
      'a function; pass data, or make it a task in a module and call that',
    ],
    [
      'a key of a Map',
      [new Map([[() => 1, 1]])],
      'a key of args[0]',
      'a function; pass data, or make it a task in a module and call that',
    ],
    [
      'an item of a Set',
      [{ all: new Set([1, Symbol.iterator]) }],
      '[...args[0].all][1]',
      'a symbol; pass a string',
    ],
  ])('is refused by its place, what it is and what to do: %s', (_, value, path, rest) => {
    const error = fault(value, 'args')
    expect(error.path).toBe(path)
    expect(error.message).toBe(`${path} cannot go to another thread: it is ${rest}`)
    expect(error.code).toBe('ERR_SLUICE_NOT_CARRIED')
  })

  it('is refused if it is a goroutine', async () => {
    const g = go(function* () {})
    expect(fault({ g }).message).toBe(
      'value.g cannot go to another thread: it is a goroutine of this thread only; join it, and pass what it gives',
    )
    await g
  })

  it('is refused in what holds itself and in what goes by a port', () => {
    const value: unknown[] = [{ f: () => 1 }]
    value.unshift(value)
    expect(fault(value, 'args').path).toBe('args[1].f')
    expect(() => codec.toMessage([new SharedArrayBuffer(1), () => 1], 'args')).toThrow('args[1] cannot go')
  })

  it('is refused when a getter gives something else each time', () => {
    let reads = 0
    const value = {
      get odd() {
        return reads++ === 0 ? () => 1 : 1
      },
    }
    expect(fault(value).message).toContain('not the same each time it is read')
  })
})

describe('what only a port carries', () => {
  const { port1, port2 } = new MessageChannel()
  const wasm = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
  const { Module } = (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } })
    .WebAssembly

  it.each<[string, unknown]>([
    ['a MessagePort', port2],
    ['a SharedArrayBuffer', new SharedArrayBuffer(8)],
    ['a view of one', new Int32Array(new SharedArrayBuffer(8))],
    ['a Buffer of one', Buffer.from(new SharedArrayBuffer(8))],
    ['a KeyObject', generateKeySync('hmac', { length: 64 })],
    ['a Blob', new Blob(['x'])],
    ['a WebAssembly.Module', new Module(wasm)],
    ['moved bytes', move(new Uint8Array(8))],
    ['a moved ArrayBuffer', move(new ArrayBuffer(8))],
  ])('is left to it: %s', (_, value) => {
    expect(codec.encode({ deep: [value] }, 64, 4096)).toBe(needsPort)
    const ring: unknown[] = [value]
    ring.push(ring)
    expect(codec.encode(ring, 64, 4096)).toBe(needsPort)
  })

  it('crosses with all else that the value holds', () => {
    const bytes = move(new Uint8Array([1, 2, 3]))
    const value = {
      bytes,
      port: port1,
      buffer: Buffer.from('abc'),
      error: new RangeError('far', { cause: move(new ArrayBuffer(4)) }),
      twice: [bytes, bytes],
    }
    expect(transferListOf(value)).toEqual([bytes.buffer, port1])
    const { port1: here, port2: there } = new MessageChannel()
    const message = codec.toMessage(value)
    here.postMessage(message, transferListOf(message))
    expect(bytes.byteLength).toBe(0)
    const back = codec.fromMessage(receiveMessageOnPort(there)?.message) as typeof value
    expect(back.bytes).toEqual(new Uint8Array([1, 2, 3]))
    expect(back.twice).toEqual([back.bytes, back.bytes])
    expect(back.twice[0]).toBe(back.bytes)
    expect(Buffer.isBuffer(back.buffer)).toBe(true)
    expect(back.error).toBeInstanceOf(RangeError)
    expect(back.error.cause).toEqual(new ArrayBuffer(4))
    expect((value.error.cause as ArrayBuffer).byteLength).toBe(0)
    here.close()
    back.port.close()
    expect(fault([bytes], 'args').message).toBe(
      'args[0] cannot go to another thread: it is memory that was moved or transferred already; move it once, or pass it without move() to have it copied',
    )
  })

  it('is not a part of a buffer, which is copied even if it was moved', () => {
    const part = move(new Uint8Array(8).subarray(2, 4))
    expect(thereAndBack(part)).toEqual(new Uint8Array(2))
    expect(transferListOf(part)).toEqual([])
  })

  it('is refused by move() if it is not bytes of this thread', () => {
    for (const each of [
      'text',
      undefined,
      new SharedArrayBuffer(1),
      new Uint8Array(new SharedArrayBuffer(1)),
    ]) {
      expect(() => move(each as unknown as ArrayBuffer)).toThrow(ArgumentError)
    }
  })
})

describe('an extension', () => {
  class Handle {
    constructor(readonly id: number) {}
  }
  const handles: Extension = {
    tag: 5,
    matches: (value) => value instanceof Handle,
    pack: (value) => ({ id: (value as Handle).id }),
    unpack: (data) => new Handle((data as Handle).id),
  }
  const { codec } = setUp(1 << 20, [handles])

  it('carries objects of its class, and says which ones were met', () => {
    const [first, second] = [new Handle(1), new Handle(2)]
    expect(thereAndBack({ first, list: [second] }, codec)).toStrictEqual({ first, list: [second] })
    expect(codec.packed).toEqual([first, second])
    codec.encode(1, 64, 4096)
    expect(codec.packed).toEqual([])
  })

  it('carries them in what holds itself, once each, and through a port', () => {
    const ring: unknown[] = [new Handle(3)]
    ring.push(ring, ring[0])
    const back = thereAndBack(ring, codec) as unknown[]
    expect(back[0]).toStrictEqual(new Handle(3))
    expect(back[2]).toBe(back[0])
    expect(codec.packed).toEqual([ring[0]])
    expect(codec.fromMessage(structuredClone(codec.toMessage(new Handle(4))))).toStrictEqual(new Handle(4))
  })
})
