import { ByteQueue } from './byte-queue.js'
import { type Codec, type Decoder, FrameError, tooLong } from './codec.js'
import { checkBytes } from './limits.js'

export interface LinesOptions {
  /** The longest line, without its end: 64 KiB by default, as Go's bufio.Scanner. */
  maxLineBytes?: number
  /** How characters are made of bytes: UTF-8 by default, where bytes that are none become U+FFFD. */
  encoding?: 'utf8' | 'latin1'
}

const lineFeed = Buffer.from('\n')
const carriageReturn = 13

/**
 * Lines of text, which end with LF or CRLF, and are received without that end and sent with LF. The last line needs no
 * end. Source: Go's bufio.ScanLines.
 *
 * Receiving and sending throw `FrameError` for lines that are longer than `maxLineBytes`; sending also for one with a
 * line feed in it, which the other side would take for two.
 */
export function lines({ maxLineBytes = 65_536, encoding = 'utf8' }: LinesOptions = {}): Codec<string> {
  checkBytes('lines', 'maxLineBytes', maxLineBytes)
  const format = { maxLineBytes, encoding }
  return {
    decoder: () => new LineDecoder(format),
    encode: (line) => encode(format, line),
  }
}

class LineDecoder extends ByteQueue implements Decoder<string> {
  /** So many bytes have been searched: there is no line feed among them. */
  private searched: number

  constructor(private readonly format: Required<LinesOptions>) {
    super()
    this.searched = 0
  }

  next(): string | undefined {
    if (this.length === this.searched) return undefined
    const at = this.indexOf(lineFeed, this.searched)
    if (at < 0) {
      this.searched = this.length
      this.lengthBefore(this.length)
      return undefined
    }
    const length = this.lengthBefore(at)
    const line = this.text(length)
    this.drop(at + 1 - length)
    this.searched = 0
    return line
  }

  end(): string | undefined {
    const { length } = this
    return length === 0 ? undefined : this.text(this.lengthBefore(length))
  }

  private text(length: number): string {
    return this.take(length).toString(this.format.encoding)
  }

  /** The length of the line that ends at `end`, where a carriage return may stand before the line feed. */
  private lengthBefore(end: number): number {
    const length = end > 0 && this.at(end - 1) === carriageReturn ? end - 1 : end
    const { maxLineBytes } = this.format
    if (length > maxLineBytes) throw tooLong('a line', 'maxLineBytes', maxLineBytes)
    return length
  }
}

function encode({ maxLineBytes, encoding }: Required<LinesOptions>, line: string): string | Buffer {
  if (line.includes('\n')) {
    throw new FrameError(
      'a line holds a line feed, and would arrive as two: send them one by one, or escape it',
    )
  }
  // A character is three bytes at most (four are two characters), so that most lines need not be measured.
  if (line.length * 3 > maxLineBytes && Buffer.byteLength(line, encoding) > maxLineBytes)
    throw tooLong('a line', 'maxLineBytes', maxLineBytes)
  return encoding === 'utf8' ? `${line}\n` : Buffer.from(`${line}\n`, encoding)
}
