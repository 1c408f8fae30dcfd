import { promisify } from 'node:util'
import {
  brotliCompress,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  deflate,
  gzip,
  type BrotliOptions,
  type ZlibOptions,
} from 'node:zlib'
import { Canceled } from '../runtime/errors.js'
import type { Operation } from '../runtime/operation.js'
import { promised } from './promised.js'
import type { BodyWriter } from './response.js'

/** A content coding. `deflate` is the format of zlib, as RFC 9110 (8.4.1.2) says. */
export type Coding = 'br' | 'gzip' | 'deflate'

/** How hard to try: more is smaller, and slower. */
export interface CompressionLevels {
  /** From 0 to 11. */
  readonly brotliQuality: number
  /** From 0 to 9, for gzip and deflate. */
  readonly gzipLevel: number
}

const asBrotli = promisify<Uint8Array, BrotliOptions, Buffer>(brotliCompress)
const asGzip = promisify<Uint8Array, ZlibOptions, Buffer>(gzip)
const asDeflate = promisify<Uint8Array, ZlibOptions, Buffer>(deflate)

/** Compresses a body that is there, on a thread of the host's pool. */
export function compressed(body: Uint8Array, coding: Coding, levels: CompressionLevels): Promise<Buffer> {
  if (coding === 'br') return asBrotli(body, brotliOptions(levels, body.length))
  return (coding === 'gzip' ? asGzip : asDeflate)(body, { level: levels.gzipLevel })
}

function brotliOptions({ brotliQuality }: CompressionLevels, sizeBytes: number): BrotliOptions {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants
  return { params: { [BROTLI_PARAM_QUALITY]: brotliQuality, [BROTLI_PARAM_SIZE_HINT]: sizeBytes } }
}

/**
 * Compresses a body while it is produced. Each chunk is flushed, so that the client has it when the producer has sent it: an
 * event of a stream must not wait for the next one. Memory of the host's is given back by `close`, which must be called.
 */
export class CompressingWriter implements BodyWriter {
  private readonly zlib
  private readonly flushing: number
  private pieces: Buffer[]
  private failure: Error | undefined

  constructor(
    private readonly out: BodyWriter,
    coding: Coding,
    levels: CompressionLevels,
  ) {
    this.flushing = coding === 'br' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH
    this.zlib =
      coding === 'br'
        ? createBrotliCompress(brotliOptions(levels, 0))
        : (coding === 'gzip' ? createGzip : createDeflate)({ level: levels.gzipLevel })
    this.pieces = []
    this.failure = undefined
    this.zlib.on('data', (piece: Buffer) => this.pieces.push(piece))
    this.zlib.on('error', (error) => {
      this.failure = error
    })
  }

  send(chunk: string | Uint8Array): Operation<void> {
    return promised(() => this.pass(chunk), 'response body')
  }

  /** Sends what ends the stream. */
  end(): Operation<void> {
    return promised(() => this.finish(), 'response body')
  }

  /** Whoever still sends is refused. */
  close(): void {
    this.failure ??= new Canceled(new Error('the response is over'))
    this.zlib.destroy()
  }

  /** Chunks that are sent at the same time go in the order of their sends: zlib takes one after the other. */
  private async pass(chunk: string | Uint8Array): Promise<void> {
    if (chunk.length === 0) return
    await new Promise<void>((resolve) => {
      this.zlib.write(chunk, () => undefined)
      this.zlib.flush(this.flushing, resolve)
    })
    await this.forward()
  }

  private async finish(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.zlib.once('end', resolve)
      this.zlib.once('error', () => resolve())
      this.zlib.end()
    })
    await this.forward()
  }

  private async forward(): Promise<void> {
    while (this.zlib.read() !== null); // each piece is told as `data`
    if (this.failure !== undefined) throw this.failure
    const { pieces } = this
    this.pieces = []
    const [first] = pieces
    if (first !== undefined) await this.out.send(pieces.length === 1 ? first : Buffer.concat(pieces))
  }
}
