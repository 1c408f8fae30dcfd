import type { RecvChan } from '../../runtime/chan.js'
import type { Operation } from '../../runtime/operation.js'
import type { RequestBody } from '../body.js'
import type { ResponseTooLarge } from './client-errors.js'

/** Whoever receives a body, and can stop. */
export interface BodySupply {
  /** What has come, and is to come. */
  readonly inbox: RequestBody
  /** From now on all of it is kept, until somebody has read it: which fails where it is longer than that. */
  keepUpTo(limitBytes: number): void
  /** The rest is of no interest. */
  dump(): void
  /** What reading fails with that is limited to less than has come. */
  readonly tooLarge: ResponseTooLarge
  /** What the server says, in bytes. */
  readonly declaredLength: number | undefined
}

/**
 * The body of a response, as a channel of pieces in the order they come: `recv()`, `next()`, `for await`. It can be read once,
 * either so or as a whole with `response.bytes()` and the like. What nobody reads is not fetched beyond some 64 KiB; while it
 * is not read to its end, and is longer than that, it keeps its connection.
 */
export class ResponseBody implements RecvChan<Uint8Array> {
  /** Always 0: how much waits is a matter of bytes. */
  readonly capacity = 0

  /** @internal */
  constructor(private readonly supply: BodySupply) {
    if (!supply.inbox.isWhole) forgotten.register(this, supply)
  }

  /** Pieces that have come and wait to be read. */
  get length(): number {
    return this.supply.inbox.length
  }

  /** How long the server says it is, in bytes; `undefined` where it does not. */
  get declaredLength(): number | undefined {
    return this.supply.declaredLength
  }

  /**
   * Waits for the next piece; `undefined` after the last. Throws `ConnectionLost`, `ResponseTimeout`, or the error of the
   * context of the request.
   */
  recv(): Operation<Uint8Array | undefined> {
    return this.supply.inbox.recv()
  }

  /** Like `recv`, as an iterator's result. */
  next(): Operation<IteratorResult<Uint8Array, undefined>> {
    return this.supply.inbox.next()
  }

  tryRecv(): IteratorResult<Uint8Array, undefined> | undefined {
    return this.supply.inbox.tryRecv()
  }

  /** Whoever leaves the loop early throws the rest away. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const { done, value } = await this.next()
        if (done === true) return
        yield value
      }
    } finally {
      this.dump()
    }
  }

  /** Throws away what has not been read, and the connection with it if more would come. */
  dump(): void {
    this.supply.dump()
  }

  /** @internal The whole body, as `convert` makes it. */
  read<T>(limitBytes: number, convert: (bytes: Buffer) => T): Operation<T> {
    const { supply } = this
    supply.keepUpTo(limitBytes)
    return supply.inbox.read((bytes) => {
      if (bytes.length > limitBytes) throw supply.tooLarge
      return convert(bytes)
    })
  }
}

/** A body that nobody can read any more gives its connection back, late; unless somebody waits for a piece of it just now. */
const forgotten = new FinalizationRegistry<BodySupply>((supply) => {
  if (!supply.inbox.isAwaited) supply.dump()
})
