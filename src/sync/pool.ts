import { type Clock, HostClock } from '../runtime/clock.js'
import { ArgumentError } from '../runtime/errors.js'
import { HitRate } from './hit-rate.js'
import { onMajorCollection } from './collections.js'

export interface PoolOptions<T> {
  /** Makes an object when none is idle. */
  create: () => T
  /** Makes an object that is put back as good as new. */
  reset?: (object: T) => void
  /** Whether an object that is put back can be used again; one that cannot is disposed of. */
  validate?: (object: T) => boolean
  /** Lets go of an object that leaves the pool. */
  dispose?: (object: T) => void
  /** Names the pool in errors and figures. */
  name?: string
  /** Objects that nobody used for so many milliseconds leave. For ever by default: the garbage collector decides. */
  maxIdle?: number
  /** Objects older than so many milliseconds leave, once the hit rate falls faster than `minSlope`. */
  maxAge?: number
  /** Change of the hit rate per hour below which `maxAge` counts; -0.1 (ten points lost an hour) by default. */
  minSlope?: number
  /** The time that `maxIdle`, `maxAge` and the figures are measured in. */
  clock?: Clock
}

/** The figures of a pool. */
export interface PoolStats {
  readonly name: string
  /** Objects that were there when they were asked for, and those that had to be made. */
  readonly hits: number
  readonly misses: number
  /** Share of hits over the last minutes, from 0 to 1; `undefined` without any get. */
  readonly hitRate: number | undefined
  /** How the hit rate changes, per hour; 0 until there are figures for it. */
  readonly hitRateSlopePerHour: number
  /** Objects that left: idle for too long, too old, collected as garbage, or refused by `validate`. */
  readonly evictions: number
  /** Objects that wait to be used. */
  readonly idle: number
}

interface Idle<T> {
  readonly object: T
  readonly sinceMs: number
}

/** Gets between two looks at the clock, which costs ten times as much as a get. */
const getsPerLook = 1024

/**
 * Objects that are expensive to make, kept for reuse. A private slot, then a shared stack; what is not used between
 * two major garbage collections is let go with the second one (the victim generation), so a pool never holds memory
 * that the program has no use for. Source: Go's `sync.Pool`.
 *
 * ```ts
 * const pool = new Pool({ create: () => new Parser(), reset: (p) => p.clear() })
 * using lease = pool.lease()
 * lease.value.parse(text)
 * ```
 */
export class Pool<T> {
  readonly name: string
  private own: T | undefined = undefined
  private shared: T[] = []
  private sharedSince: number[] = []
  private victims: T[] = []
  private readonly clock: Clock
  private readonly options: PoolOptions<T>
  private readonly born: WeakMap<object, number> | undefined
  private kind: unknown = undefined
  private looked: number
  private untilLook = getsPerLook
  private hits = 0
  private misses = 0
  private evictions = 0
  private readonly rate = new HitRate()

  constructor(options: PoolOptions<T>) {
    if (typeof options?.create !== 'function') throw new ArgumentError('a Pool needs a `create` function')
    this.options = options
    this.name = options.name ?? 'pool'
    this.clock = options.clock ?? new HostClock()
    this.looked = this.clock.now()
    this.born = options.maxAge === undefined ? undefined : new WeakMap()
    onMajorCollection(this, () => this.age())
  }

  /** An idle object, or a new one. */
  get(): T {
    if (--this.untilLook <= 0) this.look()
    const { own } = this
    if (own !== undefined) {
      this.own = undefined
      this.hits++
      return own
    }
    return this.getShared()
  }

  /**
   * Gives an object back: it is validated, and reset.
   * @throws ArgumentError if it is not of the pool's type, or is in the pool already.
   */
  put(object: T): void {
    this.check(object)
    const { validate, reset } = this.options
    if (validate !== undefined && !validate(object)) {
      this.evict(object)
      return
    }
    if (reset !== undefined) reset(object)
    if (this.own === undefined) this.own = object
    else {
      this.shared.push(object)
      this.sharedSince.push(this.looked)
    }
  }

  /** An object for the length of a block. */
  lease(): Lease<T> {
    return new Lease(this, this.get())
  }

  stats(): PoolStats {
    this.look()
    const { name, hits, misses, evictions } = this
    const idle = this.shared.length + this.victims.length + (this.own === undefined ? 0 : 1)
    return {
      name,
      hits,
      misses,
      hitRate: this.rate.share,
      hitRateSlopePerHour: this.rate.slopePerHour,
      evictions,
      idle,
    }
  }

  private getShared(): T {
    this.sharedSince.pop()
    const object = this.shared.pop() ?? this.victims.pop()
    if (object !== undefined) {
      this.hits++
      return object
    }
    this.misses++
    const made = this.options.create()
    this.kind ??= kindOf(made)
    this.born?.set(made as object, this.looked)
    return made
  }

  private check(object: T): void {
    const kind = kindOf(object)
    this.kind ??= kind
    if (kind !== this.kind || object === undefined) {
      throw new ArgumentError(
        `${this.name}: put() got ${describe(kind)}, but this pool holds ${describe(this.kind)}`,
      )
    }
    if (typeof object !== 'object') return
    if (object === this.own || object === this.shared.at(-1)) {
      throw new ArgumentError(`${this.name}: the object was put back already; put it once, or use lease()`)
    }
  }

  private evict(object: T): void {
    this.evictions++
    this.options.dispose?.(object)
  }

  /** A major collection: what was idle since the last one goes, what came since is on probation. */
  private age(): void {
    for (const object of this.victims) this.evict(object)
    this.victims = this.shared
    if (this.own !== undefined) this.victims.push(this.own)
    this.own = undefined
    this.shared = []
    this.sharedSince = []
    this.look()
  }

  /** Looks at the clock: takes the figures, and lets go of what is too old. */
  private look(): void {
    this.untilLook = getsPerLook
    this.looked = this.clock.now()
    this.rate.sample(this.looked, this.hits, this.misses)
    const { maxIdle, maxAge, minSlope = -0.1 } = this.options
    if (maxIdle !== undefined) this.keep(({ sinceMs }) => this.looked - sinceMs <= maxIdle)
    if (maxAge !== undefined && this.rate.slopePerHour < minSlope) {
      this.keep(({ object }) => this.looked - (this.born?.get(object as object) ?? this.looked) <= maxAge)
    }
  }

  private keep(fresh: (idle: Idle<T>) => boolean): void {
    const objects = this.shared
    const since = this.sharedSince
    this.shared = []
    this.sharedSince = []
    for (const [index, object] of objects.entries()) {
      const sinceMs = since[index] ?? this.looked
      if (fresh({ object, sinceMs })) {
        this.shared.push(object)
        this.sharedSince.push(sinceMs)
      } else this.evict(object)
    }
  }
}

/** An object of a pool for the length of a block: disposing puts it back, once. */
export class Lease<T> implements Disposable {
  private held = true

  /** @internal */
  constructor(
    private readonly pool: Pool<T>,
    readonly value: T,
  ) {}

  [Symbol.dispose](): void {
    if (!this.held) return
    this.held = false
    this.pool.put(this.value)
  }
}

/** The class of an object, the type of anything else. */
function kindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? value.constructor : typeof value
}

function describe(kind: unknown): string {
  return typeof kind === 'function' ? kind.name : String(kind)
}
