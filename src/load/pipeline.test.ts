import { describe, expect, it } from 'vitest'
import { Pipeline } from './pipeline.js'

function response(status = 200, bodyBytes = 5) {
  return { status, bodyBytes, keepAlive: true }
}

describe('a pipeline', () => {
  it('measures each request from its own write, the oldest first', () => {
    const pipeline = new Pipeline()
    pipeline.sent(1, 100)
    pipeline.sent(2, 110)
    expect([pipeline.inFlight, pipeline.oldestMs]).toEqual([3, 100])
    pipeline.answered(response(), 120, 120)
    pipeline.answered(response(), 120, 130)
    expect([pipeline.inFlight, pipeline.oldestMs]).toEqual([1, 110])
    expect(pipeline.take()).toEqual([
      { latencyMs: 20, firstByteMs: 20, status: 200, bytes: 5, count: 1 },
      { latencyMs: 20, firstByteMs: 10, status: 200, bytes: 5, count: 1 },
    ])
  })

  it('makes one sample of requests that share write, read and status', () => {
    const pipeline = new Pipeline()
    pipeline.sent(5, 0)
    for (const each of [response(200, 1), response(200, 2), response(503, 3), response(200, 4)])
      pipeline.answered(each, 7, 7)
    pipeline.answered(response(200, 5), 7, 8)
    expect(pipeline.take()).toEqual([
      { latencyMs: 7, firstByteMs: 7, status: 200, bytes: 3, count: 2 },
      { latencyMs: 7, firstByteMs: 7, status: 503, bytes: 3, count: 1 },
      { latencyMs: 7, firstByteMs: 7, status: 200, bytes: 4, count: 1 },
      { latencyMs: 8, firstByteMs: 7, status: 200, bytes: 5, count: 1 },
    ])
  })

  it('leaves a sample alone that was taken', () => {
    const pipeline = new Pipeline()
    pipeline.sent(2, 0)
    pipeline.answered(response(), 7, 7)
    const first = pipeline.take()
    pipeline.answered(response(), 7, 7)
    expect([first, pipeline.take()]).toEqual([
      [{ latencyMs: 7, firstByteMs: 7, status: 200, bytes: 5, count: 1 }],
      [{ latencyMs: 7, firstByteMs: 7, status: 200, bytes: 5, count: 1 }],
    ])
    expect(pipeline.hasEnded).toBe(false)
  })

  it('fails as many as it is told, the oldest first', () => {
    const pipeline = new Pipeline()
    pipeline.sent(2, 100)
    pipeline.sent(3, 200)
    pipeline.failed('timeout', pipeline.sentBefore(100))
    expect([pipeline.inFlight, pipeline.oldestMs]).toEqual([3, 200])
    pipeline.failed('connection reset', 3)
    pipeline.failed('nothing left', 0)
    expect([pipeline.inFlight, pipeline.oldestMs]).toEqual([0, undefined])
    expect(pipeline.take()).toEqual([
      { error: 'timeout', count: 2 },
      { error: 'connection reset', count: 3 },
    ])
  })

  it('knows how many were sent by a time', () => {
    const pipeline = new Pipeline()
    pipeline.sent(2, 100)
    pipeline.sent(3, 200)
    expect([99, 100, 199, 200].map((ms) => pipeline.sentBefore(ms))).toEqual([0, 2, 2, 5])
  })

  it('counts apart what is given up, and keeps what has ended', () => {
    const pipeline = new Pipeline()
    pipeline.sent(4, 0)
    pipeline.answered(response(), 7, 7)
    pipeline.giveUp()
    pipeline.giveUp()
    expect([pipeline.inFlight, pipeline.unfinished, pipeline.take().length]).toEqual([0, 3, 1])
  })
})
