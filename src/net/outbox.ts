import { Operation } from '../runtime/operation.js'
import { WaitList } from '../runtime/wait-list.js'
import type { Encoded } from './codec.js'
import type { Connection } from './connection.js'

/** Where frames leave. */
export interface Outlet<Out> {
  /** Nothing can be sent any more: for the reason `whyClosed` gives. */
  readonly isClosed: boolean
  whyClosed(): Error
  /** The peer does not keep up, or others were first. */
  readonly isBackedUp: boolean
  write(frame: Out): void
  /** Those who wait, in the order in which they came. Made when it is first needed: most connections need none. */
  senders: WaitList<Send<Out>> | undefined
}

/** Waits until a frame can leave: it is encoded then, and until then whoever sends it has it. */
export class Send<Out> extends Operation<void> {
  constructor(
    private readonly outlet: Outlet<Out>,
    private readonly frame: Out,
  ) {
    super()
  }

  override get waitReason(): string {
    return 'frame send'
  }

  override attempt(): boolean {
    if (this.outlet.isClosed) return this.refuse()
    return !this.outlet.isBackedUp && this.go()
  }

  override park(): void {
    this.outlet.senders ??= new WaitList()
    this.outlet.senders.push(this)
  }

  override unpark(): void {
    this.outlet.senders?.remove(this)
  }

  go(): true {
    try {
      this.outlet.write(this.frame)
    } catch (error) {
      return this.fail(error)
    }
    return this.complete()
  }

  refuse(): true {
    return this.fail(this.outlet.whyClosed())
  }
}

export function writeEncoded(connection: Connection, encoded: Encoded): void {
  if (typeof encoded === 'string') {
    // Text of ASCII characters alone is as long in bytes: it leaves as latin-1, which costs no bytes of ours.
    if (Buffer.byteLength(encoded) === encoded.length) connection.write(encoded)
    else connection.writeBytes(Buffer.from(encoded))
  } else if (encoded instanceof Uint8Array) connection.writeBytes(encoded)
  else for (const piece of encoded) connection.writeBytes(piece)
}
