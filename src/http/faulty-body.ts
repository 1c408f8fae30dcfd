import type { Pace } from '../resilience/faults/pace.js'
import { chan } from '../runtime/chan.js'
import { go } from '../runtime/go.js'
import type { Routine } from '../runtime/operation.js'
import { select } from '../runtime/select.js'
import { produceBody } from './produce-body.js'
import type { HttpRequest } from './request.js'
import type { BodySource, BodyWriter, HttpResponse } from './response.js'
import { declaredLength } from './response-writer.js'

/** Whether something follows the head of this response. */
export function hasBody({ method }: HttpRequest, { status, body }: HttpResponse): boolean {
  if (method === 'HEAD' || status === 204 || status === 304) return false
  if (typeof body === 'string' || body instanceof Uint8Array) return body.length > 0
  return body !== undefined
}

/**
 * Has the body of a response sent at a `pace`, or broken off by the error that `cut` makes: at half of its length, and where
 * nobody knows that, at half of its first piece. What the head says of it stays true.
 */
export function harmBody(
  response: HttpResponse,
  pace: Pace | undefined,
  cut: (() => Error) | undefined,
): void {
  const { body, headers } = response
  if (body === undefined || (pace === undefined && cut === undefined)) return
  const isFixed = typeof body === 'string' || body instanceof Uint8Array
  const bytes = isFixed ? bytesOf(body) : undefined
  if (bytes !== undefined) headers.set('Content-Length', String(bytes.length))
  const declared = declaredLength(headers)
  response.body = function* harmed(out) {
    const harm = new Harm(out, pace, cut, declared)
    if (isFixed) yield* harm.send(bytesOf(body))
    else yield* forEachPiece(body, (piece) => harm.send(bytesOf(piece)))
    if (cut !== undefined) throw cut() // it is shorter than it said
  }
}

class Harm {
  /** Where the body breaks off; `undefined` until its first piece has come. */
  private leftBytes: number | undefined

  constructor(
    private readonly out: BodyWriter,
    private readonly pace: Pace | undefined,
    private readonly cut: (() => Error) | undefined,
    declared: number | undefined,
  ) {
    this.leftBytes = cut === undefined ? Infinity : declared && Math.floor(declared / 2)
  }

  *send(bytes: Uint8Array): Routine<void> {
    const { out, pace, cut } = this
    this.leftBytes ??= Math.floor(bytes.length / 2)
    const part = bytes.subarray(0, this.leftBytes)
    this.leftBytes -= part.length
    if (pace === undefined) yield* out.send(part)
    else {
      for (const piece of pace.pieces(part)) {
        yield* pace.turnOf(piece.length)
        yield* out.send(piece)
      }
    }
    if (cut !== undefined && this.leftBytes === 0) throw cut()
  }
}

/** Runs `each` on what a source produces, which goes on meanwhile until it has the next piece. */
function* forEachPiece(
  source: BodySource,
  each: (piece: string | Uint8Array) => Routine<void>,
): Routine<void> {
  const pieces = chan<string | Uint8Array>()
  const producer = go(() => produceBody(source, pieces))
  try {
    for (;;) {
      const next = yield* select({ piece: pieces.recv(), over: producer.outcome() })
      if (next.key === 'piece') yield* each(next.value ?? '')
      else if ('error' in next.value) throw next.value.error
      else return
    }
  } finally {
    producer.cancel()
  }
}

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece
}
