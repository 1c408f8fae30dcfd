/** What the tables ask of a library, on the level of promises. What a library does not have is left out. */
export interface Subject {
  readonly name: string
  /** A queue between tasks. `capacity` 0 hands over directly. */
  chan?(capacity: number): SubjectChan
  /** Which kinds of channel there are, beside those with a buffer. */
  readonly kinds?: { readonly rendezvous?: boolean; readonly bounded?: boolean }
  /** Waits for one of several channel operations: which one, and what was received. */
  select?(cases: readonly SelectCase[]): Promise<{ readonly index: number; readonly received?: Received }>
  semaphore?(permits: number): SubjectSemaphore
  /** Starts a task that waits for ever and runs `cleanup` when it is canceled; returns how to cancel it. */
  forEver?(cleanup: () => void): () => Promise<void>
  /** Runs tasks concurrently; one that fails cancels the others, and its error comes out when they have ended. */
  all?(tasks: readonly SubjectTask[], limit?: number): Promise<unknown[]>
  sleep?(ms: number): Promise<void>
}

export interface Received {
  readonly value: unknown
  readonly done: boolean
}

export interface SubjectChan {
  send(value: unknown): Promise<void>
  recv(): Promise<Received>
  trySend?(value: unknown): boolean
  tryRecv?(): Received | undefined
  close?(): void | Promise<void>
  length?(): number
}

export type SelectCase =
  | { readonly recv: SubjectChan }
  | { readonly send: SubjectChan; readonly value: unknown }

export interface SubjectSemaphore {
  acquire(permits: number): Promise<void>
  tryAcquire?(permits: number): boolean
  release(permits: number): void
}

/** What a task does: gives a value after a while, fails after a while, or waits for ever. */
export interface SubjectTask {
  readonly afterMs: number
  readonly value?: unknown
  readonly error?: Error
  readonly started?: () => void
  readonly ended?: () => void
}
