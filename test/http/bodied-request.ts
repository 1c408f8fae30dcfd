import { background } from '../../src/context/background.js'
import type { Context } from '../../src/context/context.js'
import { RequestBody } from '../../src/http/body.js'
import { HttpRequest } from '../../src/http/request.js'
import { RequestHeaders } from '../../src/http/request-headers.js'

export interface Incoming {
  readonly headers?: Readonly<Record<string, string>>
  readonly host?: string
  /** What comes of the body, a piece whenever somebody waits for one. */
  readonly pieces?: readonly string[]
  readonly limitBytes?: number
  readonly ctx?: Context
}

/** A request with a body that arrives piece by piece, when it is asked for. */
export class BodiedRequest extends HttpRequest {
  readonly headers: RequestHeaders
  readonly httpVersion = '1.1'
  readonly host: string
  protected readonly deadline = undefined
  /** Pieces that have not been asked for. */
  readonly left: string[]

  constructor(line: `${string} ${string}`, incoming: Incoming = {}) {
    const [method = '', target = ''] = line.split(' ')
    const {
      headers = {},
      host = 'example.com',
      pieces,
      limitBytes = 1_000_000,
      ctx = background(),
    } = incoming
    const left = [...(pieces ?? [])]
    const body: RequestBody | undefined =
      pieces === undefined
        ? undefined
        : new RequestBody(
            {
              wanted() {
                do {
                  const piece = left.shift()
                  if (piece === undefined) body?.end()
                  else body?.push(Buffer.from(piece))
                } while (body?.isAwaited === true && !body.isWhole && body.error === undefined)
              },
            },
            -1,
            limitBytes,
          )
    const arrival = {
      remoteAddress: '192.0.2.1',
      remotePort: 50_000,
      isSecure: false,
      closing: background(),
      ctx,
    }
    super(arrival, method, target, body, 0)
    this.left = left
    this.host = host
    this.headers = new RequestHeaders(
      Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]),
    )
  }
}
