import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsedRequest } from '../../test/serving/parsed-request.js'
import { BodyReceiver } from './body-receiver.js'
import { defaultLimits } from './limits.js'

function receiving(...fields: string[]) {
  const { req, parser } = parsedRequest(['POST / HTTP/1.1', 'Host: a', ...fields].join('\r\n'))
  return { req, receiver: new BodyReceiver(req, parser, defaultLimits, 0) }
}

const chunked = (parts: readonly string[]) =>
  `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\nA: b\r\n\r\n`

/** Gives it `text` in pieces, and tells how much of it belongs to the body. */
function give(receiver: BodyReceiver, text: string, sizes: readonly number[]): number {
  let from = 0
  for (let i = 0; from < text.length && !receiver.isWhole; i++) {
    const piece = Buffer.from(text.slice(from, from + (sizes[i % sizes.length] ?? 1)), 'latin1')
    const at = receiver.receive(piece, 0)
    from += at
    if (at < piece.length) break
  }
  return from
}

describe('a BodyReceiver', () => {
  it('takes exactly the body, however the bytes are split and whatever follows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 700, unit: 'grapheme-ascii' }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }),
        fc.boolean(),
        (parts, sizes, isChunked) => {
          const text = parts.join('')
          const framed = isChunked ? chunked(parts) : text
          const { req, receiver } = receiving(
            isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${text.length}`,
          )
          expect(give(receiver, `${framed}GET / HTTP/1.1`, sizes)).toBe(framed.length)
          expect([receiver.isWhole, receiver.fault, req.body.isWhole]).toEqual([true, undefined, true])
          expect(req.body.waitingBytes).toBe(text.length)
          expect(Buffer.concat(req.body.chunks).toString('latin1')).toBe(text)
        },
      ),
    )
  })

  it('gives the pieces that are read meanwhile their own bytes for good', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 600 }), fc.nat(3)), { minLength: 1 }),
        (steps) => {
          const length = steps.reduce((sum, [size]) => sum + size, 0)
          const { req, receiver } = receiving(`Content-Length: ${length}`)
          const all = Buffer.from(Array.from({ length }, (_, i) => i % 251))
          const taken: Uint8Array[] = []
          let from = 0
          for (const [size, reads] of steps) {
            receiver.receive(Buffer.from(all.subarray(from, from + size)), 0)
            from += size
            for (let i = 0; i < reads; i++) {
              const piece = req.body.tryRecv()?.value
              if (piece !== undefined) taken.push(piece)
            }
          }
          for (let piece = req.body.tryRecv(); piece?.done === false; piece = req.body.tryRecv())
            taken.push(piece.value)
          expect(Buffer.concat(taken).equals(all)).toBe(true)
        },
      ),
    )
  })

  it('throws away what nobody wants, and knows when that is too much', () => {
    const { req, receiver } = receiving('Transfer-Encoding: chunked')
    receiver.receive(Buffer.from('3\r\nabc\r\n'), 0)
    expect(receiver.canSkip).toBe(true)
    receiver.skip()
    const chunk = Buffer.from(chunked(['x'.repeat(65_536)]).replace(/0\r\nA: b\r\n\r\n$/, ''))
    for (let i = 0; i < 4; i++) receiver.receive(chunk, 0)
    expect(receiver.hasSkippedTooMuch).toBe(false)
    receiver.receive(chunk, 0)
    expect(receiver.hasSkippedTooMuch).toBe(true)
    expect(req.body.waitingBytes).toBe(3)
  })

  it.each([
    ['Content-Length: 262144', true],
    ['Content-Length: 262145', false],
    ['Content-Length: 1\r\nExpect: 100-continue', false],
  ])('with %s may be skipped: %s', (fields, canSkip) => {
    expect(receiving(fields).receiver.canSkip).toBe(canSkip)
  })

  it('has a fault when its chunks are malformed, and uses up all bytes', () => {
    const { receiver } = receiving('Transfer-Encoding: chunked')
    const bytes = Buffer.from('3\r\nabcd\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n')
    expect(receiver.receive(bytes, 0)).toBe(bytes.length)
    expect(receiver.fault).toMatchObject({ status: 400, detail: 'a chunk is longer than its size says' })
    expect(receiver.isWhole).toBe(false)
  })
})
