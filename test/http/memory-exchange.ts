import { background } from '../../src/context/background.js'
import type { Context } from '../../src/context/context.js'
import { invoke } from '../../src/runtime/go.js'
import type { Operation, Parked, Routine } from '../../src/runtime/operation.js'
import { yieldNow } from '../../src/runtime/sleep.js'
import type { Middleware, Onward, Reply } from '../../src/http/handler.js'
import { produceBody } from '../../src/http/produce-body.js'
import { type Arrival, HttpRequest } from '../../src/http/request.js'
import { RequestHeaders } from '../../src/http/request-headers.js'
import type { BodyWriter, HttpResponse } from '../../src/http/response.js'

/** A request that came from nowhere. */
export class MemoryRequest extends HttpRequest {
  readonly headers: RequestHeaders
  readonly httpVersion = '1.1'
  readonly host = 'example.com'
  protected readonly deadline = undefined

  constructor(
    line: `${string} ${string}`,
    headers: Readonly<Record<string, string>> = {},
    { ctx = background(), closing = background() }: { ctx?: Context; closing?: Context } = {},
  ) {
    const [method = '', target = ''] = line.split(' ')
    const arrival: Arrival = {
      remoteAddress: '192.0.2.1',
      remotePort: 50_000,
      isSecure: false,
      closing,
      ctx,
    }
    super(arrival, method, target, undefined, 0)
    this.headers = new RequestHeaders(
      Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]),
    )
  }
}

/** What a handler or a middleware answers. */
export function* responseOf(reply: Reply): Routine<HttpResponse> {
  return yield* invoke(() => reply as Routine<HttpResponse>, [])
}

/** What a middleware makes of a handler's reply. */
export function* through(
  middleware: Middleware,
  req: HttpRequest,
  handler: (req: HttpRequest) => Reply,
): Routine<HttpResponse> {
  return yield* responseOf(middleware(req, () => onward(() => handler(req))))
}

function onward(handle: () => Reply): Onward {
  return {
    [Symbol.iterator]: (): Iterator<Parked, HttpResponse, unknown> => responseOf(handle()),
    // biome-ignore lint/suspicious/noThenProperty: the middlewares that are tested with it do not await.
    then: () => {
      throw new Error('only generators in tests')
    },
  }
}

/** A client that takes what it is sent. */
export class MemoryWriter implements BodyWriter {
  readonly chunks: Buffer[] = []

  send(chunk: string | Uint8Array): Operation<void> {
    this.chunks.push(Buffer.from(chunk as Uint8Array))
    return yieldNow()
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

/** All of a response's body. */
export function* bodyOf({ body }: HttpResponse): Routine<Buffer> {
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body as Uint8Array)
  const out = new MemoryWriter()
  yield* produceBody(body, out)
  return out.bytes
}
