import type { Writable } from 'node:stream'

/** A write holds about so much of copies at most, so that many copies of a large request do not fill the memory. */
const batchBytes = 64 * 1024

/** One request many times over, so that any number of them goes out in one write, without a copy. */
export class RequestBatch {
  private readonly copies: number
  private readonly bytes: Buffer

  /** @param most the largest number that is sent at once. */
  constructor(
    private readonly request: Uint8Array,
    most: number,
  ) {
    this.copies = Math.max(1, Math.min(most, Math.floor(batchBytes / request.length)))
    this.bytes = Buffer.concat(new Array<Uint8Array>(this.copies).fill(request))
  }

  /** Writes `count` requests: one call into the system, or as few as their size allows. */
  writeTo(socket: Writable, count: number): void {
    if (count <= this.copies) socket.write(this.first(count))
    else this.writeInPieces(socket, count)
  }

  private writeInPieces(socket: Writable, count: number): void {
    socket.cork()
    for (let left = count; left > 0; left -= this.copies)
      socket.write(this.first(Math.min(left, this.copies)))
    socket.uncork()
  }

  private first(count: number): Buffer {
    return count === this.copies ? this.bytes : this.bytes.subarray(0, count * this.request.length)
  }
}
