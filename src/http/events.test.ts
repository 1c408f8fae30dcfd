import { describe, expect, it } from 'vitest'
import { chan, go, type Goroutine, now, run, sleep, yieldNow } from 'sluice'
import { background, withCancel } from 'sluice/context'
import { bubble, waitIdle } from 'sluice/testing'
import { MemoryRequest, MemoryWriter } from '../../test/http/memory-exchange.js'
import type { Context } from '../context/context.js'
import type { Operation, Routine } from '../runtime/operation.js'
import { type EventSender, type EventSource, events, type EventsOptions } from './events.js'
import type { ServerEvent } from './event-text.js'
import type { BodyWriter } from './response.js'

interface Watched {
  readonly out: MemoryWriter
  readonly producing: Goroutine<void>
  /** What has come since the last look. */
  news(): string[]
}

/** A client of a stream of events. */
function watch(
  source: EventSource,
  { ctx, headers = {}, ...options }: EventsOptions & { ctx?: Context; headers?: Record<string, string> } = {},
): Watched {
  const req = new MemoryRequest('GET /events', headers, ctx === undefined ? {} : { ctx })
  const { body } = events(req, source, options)
  const out = new MemoryWriter()
  const producing = go(body as (out: BodyWriter) => Routine<void>, out)
  return { out, producing, news: () => out.chunks.splice(0).map(String) }
}

async function* letters(): AsyncGenerator<ServerEvent | string> {
  yield 'a'
  yield { data: 'b', id: '2' }
}

describe('events', () => {
  it('answers with the headers that keep a stream flowing', () => {
    const response = events(new MemoryRequest('GET /'), chan<string>(), { headers: { 'X-More': '1' } })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toEqual({
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache',
      'X-Accel-Buffering': 'no',
      'X-More': '1',
    })
  })

  const sources: [string, () => EventSource][] = [
    ['an async iterable', letters],
    ['an async generator function', () => () => letters()],
    [
      'a generator function',
      () =>
        function* (out) {
          yield* out.send('a')
          yield* out.send({ data: 'b', id: '2' })
        },
    ],
    [
      'an async function',
      () => async (out) => {
        for await (const event of letters()) await out.send(event)
      },
    ],
    [
      'a channel',
      () => {
        const ch = chan<ServerEvent | string>(2)
        ch.trySend('a')
        ch.trySend({ data: 'b', id: '2' })
        ch.close()
        return ch
      },
    ],
  ]
  it.each(sources)('sends what %s has, an event a chunk, and ends with it', (_, source) =>
    run(function* () {
      const { producing, news } = watch(source())
      yield* producing
      expect(news()).toEqual(['data: a\n\n', 'id: 2\ndata: b\n\n'])
    }),
  )

  it('tells the source where the client has stopped', () =>
    run(function* () {
      const seen: (string | undefined)[] = []
      const source = function* (out: EventSender) {
        seen.push(out.lastEventId)
      }
      yield* watch(source, { headers: { 'Last-Event-ID': '41' } }).producing
      yield* watch(source, { headers: { 'Last-Event-ID': 'Ã¤' } }).producing // the bytes of ä
      yield* watch(source).producing
      expect(seen).toEqual(['41', 'ä', undefined])
    }))

  it('tells the client when to come again, before anything else', () =>
    run(function* () {
      const { producing, news } = watch(letters(), { retryMs: 3000 })
      yield* producing
      expect(news()[0]).toBe('retry: 3000\n\n')
    }))

  it('sends a comment after every 15 s without an event', () =>
    bubble(function* () {
      const ch = chan<string>()
      const { producing, news } = watch(ch)
      yield* sleep(14_999)
      expect(news()).toEqual([])
      yield* sleep(2)
      expect(news()).toEqual([':\n\n'])
      yield* sleep(9_000)
      yield* ch.send('x')
      yield* sleep(14_000)
      expect(news()).toEqual(['data: x\n\n'])
      yield* sleep(1_001)
      expect(news()).toEqual([':\n\n'])
      yield* sleep(30_000)
      expect(news()).toEqual([':\n\n', ':\n\n'])
      ch.close()
      yield* producing
    }))

  it('takes another time for that', () =>
    bubble(function* () {
      const ch = chan<string>()
      const { producing, news } = watch(ch, { keepAliveMs: 100 })
      yield* sleep(1001)
      expect(news()).toHaveLength(10)
      ch.close()
      yield* producing
    }))

  it('ends whole when the context of the request ends, and cancels the source', () =>
    bubble(function* () {
      const ctx = withCancel(background())
      let isCleanedUp = false
      const { producing, news } = watch(
        function* (out) {
          try {
            for (;;) {
              yield* out.send('tick')
              yield* sleep(1000)
            }
          } finally {
            isCleanedUp = true
          }
        },
        { ctx },
      )
      yield* sleep(1500)
      ctx.cancel(new Error('shutdown'))
      yield* producing
      expect(isCleanedUp).toBe(true)
      expect(news()).toEqual(['data: tick\n\n', 'data: tick\n\n'])
    }))

  it('ends whole when the server begins to shut down', () =>
    bubble(function* () {
      const closing = withCancel(background())
      const req = new MemoryRequest('GET /', {}, { closing })
      const { body } = events(req, chan<string>())
      const out = new MemoryWriter()
      const producing = go(body as (out: BodyWriter) => Routine<void>, out)
      yield* sleep(5500)
      closing.cancel()
      const start = now()
      yield* producing
      expect(now() - start).toBe(0)
      expect(out.chunks).toEqual([])
    }))

  it('ends at once when the context has ended before', () =>
    bubble(function* () {
      const ctx = withCancel(background())
      ctx.cancel()
      yield* watch(chan<string>(), { ctx }).producing
    }))

  it('tells an iterable to return when the client leaves', () =>
    run(function* () {
      const returned = chan<string>(1)
      async function* source() {
        try {
          for (;;) yield 'x'
        } finally {
          returned.trySend('returned')
        }
      }
      const { out, producing } = watch(source())
      while (out.chunks.length === 0) yield* yieldNow()
      producing.cancel()
      expect((yield* producing.outcome()).error).toMatchObject({ code: 'ERR_SLUICE_CANCELED' })
      expect(yield* returned.recv()).toBe('returned')
    }))

  it('refuses what an async source still sends when all is over', () =>
    run(function* () {
      const ctx = withCancel(background())
      const goOn = chan<void>()
      const late = chan<unknown>(1)
      const { producing, news } = watch(
        async (out) => {
          await goOn.recv()
          try {
            await out.send('late')
          } catch (error) {
            late.trySend(error)
          }
        },
        { ctx },
      )
      yield* yieldNow()
      ctx.cancel()
      yield* producing
      goOn.close()
      expect(yield* late.recv()).toMatchObject({ code: 'ERR_SLUICE_CANCELED' })
      expect(news()).toEqual([])
    }))

  it('fails with what the source fails with', () =>
    run(function* () {
      const { producing } = watch(function* () {
        throw new Error('broken')
      })
      expect((yield* producing.outcome()).error).toMatchObject({ message: 'broken' })
    }))

  it('fails with what a send fails with, and leaves nobody behind', () =>
    bubble(function* () {
      const gone = chan<void>()
      gone.close()
      const out = { send: (): Operation<void> => gone.send() as Operation<void> }
      const { body } = events(new MemoryRequest('GET /'), letters())
      const producing = go(body as (out: BodyWriter) => Routine<void>, out)
      expect((yield* producing.outcome()).error).toMatchObject({ message: 'send on closed channel' })
      yield* waitIdle()
    }))

  it.each([{ keepAliveMs: 0 }, { keepAliveMs: Number.NaN }, { retryMs: -1 }])(
    'refuses the options %j',
    (options) => {
      expect(() => events(new MemoryRequest('GET /'), chan<string>(), options)).toThrow(
        /keepAliveMs|milliseconds/,
      )
    },
  )
})
