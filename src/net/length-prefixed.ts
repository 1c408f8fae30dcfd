import { ByteQueue } from './byte-queue.js'
import { type Codec, cutOff, type Decoder, type Encoded, tooLong } from './codec.js'
import { checkBytes } from './limits.js'
import { ArgumentError } from '../runtime/errors.js'

export interface LengthPrefixedOptions {
  /** Size of the length in front of each frame, in bytes: 4 by default. */
  bytes?: 1 | 2 | 4
  /** Order of its bytes: big-endian, as the network's, by default. */
  endian?: 'big' | 'little'
  /** The longest frame, without its length: 1 MiB by default. */
  maxFrameBytes?: number
}

/** Frames shorter than this are copied behind their length: one piece is cheaper to send than two. */
const copiedBytes = 4096

/**
 * Frames with their length in front. A received frame is a view of the chunk that it came in, which it keeps alive;
 * only one that came in several is copied.
 *
 * @throws ArgumentError if `maxFrameBytes` does not fit in so many bytes. Receiving and sending throw `FrameError` for
 * frames that are longer; receiving also where the peer ends the connection within a frame.
 */
export function lengthPrefixed(options: LengthPrefixedOptions = {}): Codec<Buffer, Uint8Array | string> {
  const { bytes = 4, endian = 'big' } = options
  const mostPossible = 2 ** (8 * bytes) - 1
  const maxFrameBytes = options.maxFrameBytes ?? Math.min(1024 * 1024, mostPossible)
  checkBytes('lengthPrefixed', 'maxFrameBytes', maxFrameBytes)
  if ((bytes !== 1 && bytes !== 2 && bytes !== 4) || maxFrameBytes > mostPossible) {
    throw new ArgumentError(
      `lengthPrefixed() has a length of 1, 2 or 4 bytes that can tell maxFrameBytes: ${maxFrameBytes} does not fit into ${bytes}`,
    )
  }
  const layout = { bytes, isBig: endian === 'big', maxFrameBytes }
  return { decoder: () => new LengthDecoder(layout), encode: (frame) => encode(layout, frame) }
}

interface Layout {
  readonly bytes: number
  readonly isBig: boolean
  readonly maxFrameBytes: number
}

class LengthDecoder extends ByteQueue implements Decoder<Buffer> {
  /** Length of the frame whose bytes are waited for; -1 before its length has come. */
  private frameBytes: number

  constructor(private readonly layout: Layout) {
    super()
    this.frameBytes = -1
  }

  next(): Buffer | undefined {
    if (this.frameBytes < 0 && !this.readLength()) return undefined
    if (this.length < this.frameBytes) return undefined
    const frame = this.take(this.frameBytes)
    this.frameBytes = -1
    return frame
  }

  end(): undefined {
    if (this.length > 0 || this.frameBytes >= 0) throw cutOff(this.length)
  }

  private readLength(): boolean {
    const { bytes, isBig, maxFrameBytes } = this.layout
    if (this.length < bytes) return false
    let length = 0
    for (let i = 0; i < bytes; i++) length = length * 256 + this.at(isBig ? i : bytes - 1 - i)
    if (length > maxFrameBytes) throw tooLong(`a frame of ${length} bytes`, 'maxFrameBytes', maxFrameBytes)
    this.drop(bytes)
    this.frameBytes = length
    return true
  }
}

function encode({ bytes, isBig, maxFrameBytes }: Layout, frame: Uint8Array | string): Encoded {
  const body = typeof frame === 'string' ? Buffer.from(frame) : frame
  const { length } = body
  if (length > maxFrameBytes) throw tooLong(`a frame of ${length} bytes`, 'maxFrameBytes', maxFrameBytes)
  const isCopied = length < copiedBytes
  const head = Buffer.allocUnsafe(isCopied ? bytes + length : bytes)
  if (isBig) head.writeUIntBE(length, 0, bytes)
  else head.writeUIntLE(length, 0, bytes)
  if (!isCopied) return [head, body]
  head.set(body, bytes)
  return head
}
