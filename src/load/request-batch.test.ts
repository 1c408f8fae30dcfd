import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { RequestBatch } from './request-batch.js'

/** What reaches the system when `count` copies of `request` are written: the chunks of each call. */
function callsFor(request: string, most: number, count: number): string[][] {
  const calls: string[][] = []
  const socket = new Writable({
    highWaterMark: 2 ** 30,
    write: (chunk, _, done) => {
      calls.push([String(chunk)])
      done()
    },
    writev: (chunks, done) => {
      calls.push(chunks.map(({ chunk }) => String(chunk)))
      done()
    },
  })
  new RequestBatch(Buffer.from(request), most).writeTo(socket, count)
  return calls
}

describe('a batch of requests', () => {
  it.each([1, 2, 255, 256])('writes %d small ones as one chunk', (count) => {
    expect(callsFor('GET / ', 256, count)).toEqual([['GET / '.repeat(count)]])
  })

  it('writes large ones in pieces that do not fill the memory, still in one call', () => {
    const request = 'x'.repeat(30_000)
    expect(callsFor(request, 256, 5)).toEqual([[request.repeat(2), request.repeat(2), request]])
  })

  it('writes one that is larger than any piece', () => {
    const request = 'x'.repeat(100_000)
    expect(callsFor(request, 256, 2)).toEqual([[request, request]])
  })
})
