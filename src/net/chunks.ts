import type { Codec, Decoder } from './codec.js'

/** No frames: bytes as they come. What `listen` does without a codec. */
export function chunks(): Codec<Buffer, Uint8Array | string> {
  return { decoder: () => new ChunkDecoder(), encode: (frame) => frame }
}

class ChunkDecoder implements Decoder<Buffer> {
  private first: Buffer | undefined
  private others: Buffer[] | undefined

  constructor() {
    this.first = undefined
    this.others = undefined
  }

  push(bytes: Buffer): void {
    if (this.first === undefined) this.first = bytes
    else {
      this.others ??= []
      this.others.push(bytes)
    }
  }

  next(): Buffer | undefined {
    const { first } = this
    if (first !== undefined) this.first = this.others?.shift()
    return first
  }

  end(): undefined {}
}
