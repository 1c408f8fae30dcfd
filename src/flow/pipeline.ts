import { type Chan, chan, type RecvChan } from '../runtime/chan.js'
import { ArgumentError } from '../runtime/errors.js'
import { type GoTarget, invoke } from '../runtime/go.js'
import type { Goroutine } from '../runtime/goroutine.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import { type Scope, scope } from '../runtime/scope.js'

/** Where the values of a pipeline come from. */
export type Source<T> = Iterable<T> | AsyncIterable<T> | RecvChan<T>

export interface StageOptions {
  /** Goroutines that work on this stage; 1 by default. */
  workers?: number
  /** Values that may wait before the next stage takes them; 0 by default. */
  buffer?: number
  /** Whether values leave in the order in which they came, also with several workers; true by default. */
  ordered?: boolean
}

/** Starts what feeds a stage, inside the scope of the run, and gives its output. */
type Feed<T> = (s: Scope) => RecvChan<T>

/**
 * Stages that work at the same time, each in goroutines of its own, with channels between them: a slow stage holds
 * back those before it. Nothing runs until `collect`, `forEach` or `take` is `yield*`ed. An error in a stage cancels
 * the others and comes out there; so does leaving early. No goroutine is left over.
 *
 * ```ts
 * const pages = yield* pipeline(urls).map(load, { workers: 8 }).filter(isHtml).collect()
 * ```
 */
export function pipeline<T>(source: Source<T>): Pipeline<T> {
  return new Pipeline((s) => {
    const out = chan<T>()
    s.go(feed<T>, source, out)
    return out
  })
}

export class Pipeline<T> {
  /** @internal */
  constructor(private readonly feed: Feed<T>) {}

  /** Applies `fn`, which may wait, to each value. */
  map<R>(fn: GoTarget<[T], R>, options: StageOptions = {}): Pipeline<R> {
    const { workers, buffer, ordered } = checked(options)
    return new Pipeline((s) => {
      const input = this.feed(s)
      const out = chan<R>(buffer)
      if (workers === 1) s.go(mapOne<T, R>, fn, input, out)
      else if (ordered) mapInOrder(s, fn, input, out, workers)
      else s.go(mapAnyOrder<T, R>, fn, input, out, workers)
      return out
    })
  }

  /** Keeps the values for which `fn` is true. */
  filter(fn: GoTarget<[T], boolean>): Pipeline<T> {
    return new Pipeline((s) => {
      const input = this.feed(s)
      const out = chan<T>()
      s.go(keep<T>, fn, input, out)
      return out
    })
  }

  /** Runs the pipeline and calls `fn`, which may wait, with each value. */
  *forEach(fn: GoTarget<[T], unknown>): Routine<void> {
    const { feed } = this
    yield* scope(function* (s) {
      const input = feed(s)
      for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) yield* invoke(fn, [r.value])
    })
  }

  /** Runs the pipeline and gives all its values. */
  *collect(): Routine<T[]> {
    const values: T[] = []
    yield* this.forEach((value) => {
      values.push(value)
    })
    return values
  }

  /** Runs the pipeline until it has given `count` values, and stops it. */
  *take(count: number): Routine<T[]> {
    const { feed } = this
    return yield* scope(function* (s) {
      const input = feed(s)
      const values: T[] = []
      while (values.length < count) {
        const { done, value } = yield* input.next()
        if (done === true) break
        values.push(value)
      }
      s.cancel()
      return values
    })
  }
}

function* feed<T>(source: Source<T>, out: Chan<T>): Routine<void> {
  if ('recv' in source) yield* forward(source, out)
  else if (Symbol.iterator in source) for (const value of source) yield* out.send(value)
  else yield* drain(source, out)
  out.close()
}

function* forward<T>(input: RecvChan<T>, out: Chan<T>): Routine<void> {
  for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) yield* out.send(r.value)
}

function* drain<T>(source: AsyncIterable<T>, out: Chan<T>): Routine<void> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (let r = yield* wait(iterator.next()); r.done !== true; r = yield* wait(iterator.next())) {
      yield* out.send(r.value)
    }
  } finally {
    void iterator.return?.()
  }
}

function* mapOne<T, R>(fn: GoTarget<[T], R>, input: RecvChan<T>, out: Chan<R>): Routine<void> {
  yield* mapUntilEnd(fn, input, out)
  out.close()
}

function* mapUntilEnd<T, R>(fn: GoTarget<[T], R>, input: RecvChan<T>, out: Chan<R>): Routine<void> {
  for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) {
    yield* out.send(yield* invoke(fn, [r.value]))
  }
}

function* mapAnyOrder<T, R>(
  fn: GoTarget<[T], R>,
  input: RecvChan<T>,
  out: Chan<R>,
  workers: number,
): Routine<void> {
  yield* scope(function* (s) {
    for (let i = 0; i < workers; i++) s.go(mapUntilEnd<T, R>, fn, input, out)
  })
  out.close()
}

// Each value gets a goroutine; they stand in a channel in the order of their values, as many as there are workers.
function mapInOrder<T, R>(
  s: Scope,
  fn: GoTarget<[T], R>,
  input: RecvChan<T>,
  out: Chan<R>,
  workers: number,
): void {
  const underWay = chan<Goroutine<R>>(workers - 2)
  s.go(function* () {
    for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) {
      yield* underWay.send(s.go(() => invoke(fn, [r.value as T])) as Goroutine<R>)
    }
    underWay.close()
  })
  s.go(function* () {
    for (let g = yield* underWay.recv(); g !== undefined; g = yield* underWay.recv())
      yield* out.send(yield* g)
    out.close()
  })
}

function* keep<T>(fn: GoTarget<[T], boolean>, input: RecvChan<T>, out: Chan<T>): Routine<void> {
  for (let r = yield* input.next(); r.done !== true; r = yield* input.next()) {
    if (yield* invoke(fn, [r.value])) yield* out.send(r.value)
  }
  out.close()
}

function checked({ workers = 1, buffer = 0, ordered = true }: StageOptions): Required<StageOptions> {
  if (!Number.isInteger(workers) || workers < 1) {
    throw new ArgumentError(`a stage needs a whole number of workers from 1, not ${workers}`)
  }
  return { workers, buffer, ordered }
}
