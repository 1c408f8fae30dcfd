import { type MessagePort, receiveMessageOnPort, type Transferable } from 'node:worker_threads'

/** What travels by message: values that shared memory cannot hold, and what the root and its workers tell each other. */
export interface Letter {
  /** Names the use of a slot that a value belongs to. */
  readonly key: string
  readonly value: unknown
}

/** A letter on its way to another processor than the root's goes through the root. */
export interface Envelope {
  readonly to: number
  readonly letter: Letter
  readonly transfer: readonly Transferable[]
}

/** How letters leave this thread. */
export type Carrier = (envelope: Envelope) => void

/** The letters of one thread: sent, and received by the key that the receiver knows. */
export class Post {
  private readonly arrived = new Map<string, unknown>()
  private readonly expected = new Map<string, (value: unknown) => void>()

  /** @param port what letters come in by, to be emptied at once; the root has none, its event loop brings them. */
  constructor(
    private readonly carry: Carrier,
    private readonly port: MessagePort | undefined,
    private readonly other: (message: unknown) => void,
  ) {}

  send(to: number, key: string, value: unknown, transfer: readonly Transferable[]): void {
    this.carry({ to, letter: { key, value }, transfer })
  }

  /** Calls back with the value of a letter, at once if it has come. */
  expect(key: string, got: (value: unknown) => void): void {
    this.receive()
    if (this.arrived.has(key)) {
      const value = this.arrived.get(key)
      this.arrived.delete(key)
      got(value)
    } else this.expected.set(key, got)
  }

  /** Takes what has come in; true if there was anything. */
  receive(): boolean {
    if (this.port === undefined) return false
    let found = false
    for (
      let next = receiveMessageOnPort(this.port);
      next !== undefined;
      next = receiveMessageOnPort(this.port)
    ) {
      found = true
      this.deliver(next.message)
    }
    return found
  }

  deliver(message: unknown): void {
    const { letter } = (message ?? {}) as Partial<Envelope>
    if (letter === undefined) {
      this.other(message)
      return
    }
    const got = this.expected.get(letter.key)
    this.expected.delete(letter.key)
    if (got === undefined) this.arrived.set(letter.key, letter.value)
    else got(letter.value)
  }
}
