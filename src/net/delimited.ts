import { ArgumentError } from '../runtime/errors.js'
import { ByteQueue } from './byte-queue.js'
import { type Codec, cutOff, type Decoder, type Encoded, FrameError, tooLong } from './codec.js'
import { checkBytes } from './limits.js'

export interface DelimitedOptions {
  /** The longest frame, without its delimiter: 64 KiB by default. */
  maxFrameBytes?: number
  /** Whether received frames end with their delimiter, and those that are sent may: they do not by default. */
  keep?: boolean
}

/**
 * Frames with a delimiter behind each, which no frame may hold. A received frame is a view of the chunk that it came in,
 * which it keeps alive; only one that came in several is copied.
 *
 * @throws ArgumentError if the delimiter is empty. Receiving and sending throw `FrameError` for frames that are longer
 * than `maxFrameBytes`; receiving also where the peer ends the connection within a frame; sending for one with the
 * delimiter in it, which the other side would take for two.
 */
export function delimited(
  delimiter: string | Uint8Array,
  { maxFrameBytes = 65_536, keep = false }: DelimitedOptions = {},
): Codec<Buffer, Uint8Array | string> {
  const mark = Buffer.from(delimiter as string) // either type: the overloads of Buffer.from take no union
  if (mark.length === 0)
    throw new ArgumentError('delimited() needs a delimiter of at least one byte, not an empty one')
  checkBytes('delimited', 'maxFrameBytes', maxFrameBytes)
  return {
    decoder: () => new DelimitedDecoder(mark, maxFrameBytes, keep),
    encode: (frame) => encode(mark, maxFrameBytes, keep ? without(mark, frame) : frame),
  }
}

class DelimitedDecoder extends ByteQueue implements Decoder<Buffer> {
  /** So many bytes have been searched: no delimiter begins in them. */
  private searched: number

  constructor(
    private readonly mark: Buffer,
    private readonly maxFrameBytes: number,
    private readonly keep: boolean,
  ) {
    super()
    this.searched = 0
  }

  next(): Buffer | undefined {
    const { mark, maxFrameBytes } = this
    const at = this.indexOf(mark, this.searched)
    if (at < 0) this.searched = Math.max(0, this.length - mark.length + 1)
    // A delimiter that begins further out would end too long a frame.
    if (at > maxFrameBytes || this.searched > maxFrameBytes)
      throw tooLong('a frame', 'maxFrameBytes', maxFrameBytes)
    if (at < 0) return undefined
    this.searched = 0
    const frame = this.take(this.keep ? at + mark.length : at)
    if (!this.keep) this.drop(mark.length)
    return frame
  }

  end(): undefined {
    if (this.length > 0) throw cutOff(this.length)
  }
}

function encode(mark: Buffer, maxFrameBytes: number, frame: Uint8Array | string): Encoded {
  const body = typeof frame === 'string' ? Buffer.from(frame) : frame
  if (body.length > maxFrameBytes)
    throw tooLong(`a frame of ${body.length} bytes`, 'maxFrameBytes', maxFrameBytes)
  const whole = Buffer.concat([body, mark])
  // Searched with its delimiter: the end of the frame and the beginning of the delimiter may make an earlier one.
  if (whole.indexOf(mark) === body.length) return whole
  throw new FrameError(
    'a frame holds the delimiter, and would arrive as two: escape it, or choose a codec with lengths, lengthPrefixed()',
  )
}

/** A frame as it was received by a codec that keeps delimiters is sent as it is. */
function without(mark: Buffer, frame: Uint8Array | string): Uint8Array {
  const body = Buffer.from(frame as string) // either type, as above
  const end = body.length - mark.length
  return end >= 0 && body.subarray(end).equals(mark) ? body.subarray(0, end) : body
}
