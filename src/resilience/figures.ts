/** What a guard has done so far. `state` is `open`, `closed` or `half-open` of a breaker, `ok` or `refusing` of others. */
export interface GuardStats {
  readonly kind: string
  readonly name: string
  readonly state: string
  /** Calls that it let in, refused, and had wait first. */
  readonly admitted: number
  readonly refused: number
  readonly waited: number
  /** Calls that wait now. */
  readonly waiting: number
  /** What else this kind of guard counts. */
  readonly [figure: string]: number | string | undefined
}

/**
 * Something a guard did: `refused`, `waited`, a change of state (`opened`, `half-open`, `closed`), `retried` and the like;
 * `changed`, with its settings, when it was configured.
 */
export interface GuardEvent {
  readonly kind: string
  readonly name: string
  readonly what: string
  /** More about it: the error, the delay in ms, the state before. */
  readonly detail?: unknown
}

export type GuardListener = (event: GuardEvent) => void

/** The counts of a guard, and who is told of what it does. */
export class Figures {
  admitted = 0
  refused = 0
  waited = 0
  waiting = 0
  private listeners: readonly GuardListener[] = []

  /**
   * @param kind what sort of guard it is: `token bucket`, `breaker`.
   * @param name what it protects: `payments`, `GET /orders`.
   */
  constructor(
    readonly kind: string,
    readonly name: string,
  ) {}

  /** Tells `listener` of each event, in the order they happen, until it is disposed of. One that throws ends the call. */
  watch(listener: GuardListener): Disposable {
    this.listeners = [...this.listeners, listener]
    return {
      [Symbol.dispose]: () => {
        this.listeners = this.listeners.filter((each) => each !== listener)
      },
    }
  }

  /** Tells those who watch. */
  tell(what: string, detail?: unknown): void {
    if (this.listeners.length === 0) return
    const event = { kind: this.kind, name: this.name, what, ...(detail !== undefined && { detail }) }
    for (const listener of this.listeners) listener(event)
  }

  /** Tells of new settings, which are in force by then; unless they are the old ones. */
  changed(before: object, settings: object): void {
    const known = new Map<string, unknown>(Object.entries(before))
    const isNew = ([name, value]: [string, unknown]) => !known.has(name) || known.get(name) !== value
    if (Object.entries(settings).some(isNew)) this.tell('changed', settings)
  }

  /** One more was refused. */
  refuse(): void {
    this.refused++
    if (this.listeners.length > 0) this.tell('refused')
  }

  stats(state: string, more?: Readonly<Record<string, number | string | undefined>>): GuardStats {
    const { kind, name, admitted, refused, waited, waiting } = this
    return { kind, name, state, admitted, refused, waited, waiting, ...more }
  }
}
