import { type CarriedError, carriedError, emptyError, fillError } from './carried-errors.js'
import { bytesKind, isDetached, isError, kind, kindOf } from './codec-kinds.js'
import { setOwn } from './codec-read.js'
import type { Extension } from './extension.js'
import { isMoved } from './move.js'

/**
 * A value as something that `v8.serialize` and `postMessage` carry, with every object of it once, so that what holds
 * itself comes back holding itself. What those two would not carry, or not as what it is, stands in `value` as an empty
 * object, which `standIns` lists together with what it stands for: identity tells it from an empty object of the user's.
 */
export interface Graph {
  readonly value: unknown
  readonly standIns: readonly object[]
  readonly originals: readonly Original[]
}

type Original =
  | { readonly is: 'bare'; readonly data: object }
  | { readonly is: 'buffer'; readonly data: Uint8Array }
  | { readonly is: 'error'; readonly data: CarriedError }
  | { readonly is: 'extension'; readonly tag: number; readonly data: unknown }

/** What making a graph needs to know of the codec. */
export interface GraphRules {
  readonly extensions: readonly Extension[]
  /** Objects of extensions are noted here. */
  readonly packed: object[]
  readonly carries: (value: unknown) => boolean
}

/** What came of making a graph. */
export interface GraphOutcome {
  /** Of no use if `isRefused`. */
  readonly graph: Graph
  /** The value holds something that cannot cross. */
  readonly isRefused: boolean
  /** It holds something that only a port carries. */
  readonly needsPort: boolean
}

export function toGraph(value: unknown, rules: GraphRules): GraphOutcome {
  const copy = new GraphCopy(rules)
  const graph = { value: copy.of(value), standIns: copy.standIns, originals: copy.originals }
  return { graph, isRefused: copy.isRefused, needsPort: copy.needsPort }
}

class GraphCopy {
  isRefused = false
  needsPort = false
  readonly standIns: object[] = []
  readonly originals: Original[] = []
  readonly #copies = new Map<object, unknown>()

  constructor(private readonly rules: GraphRules) {}

  of(value: unknown): unknown {
    if (typeof value === 'function' || typeof value === 'symbol') this.isRefused = true
    if (typeof value !== 'object' || value === null || this.isRefused) return value
    return this.#copies.get(value) ?? this.#copy(value)
  }

  #copy(value: object): unknown {
    const what = kindOf(value)
    if (what === kind.plain) return this.#properties(value, this.#note(value, {}))
    if (what === kind.array) return this.#items(value as unknown[], this.#note(value, []))
    if (what === kind.map) return this.#map(value as Map<unknown, unknown>, this.#note(value, new Map()))
    if (what === kind.set) return this.#set(value as Set<unknown>, this.#note(value, new Set()))
    if (what === kind.bare) return this.#bare(value)
    if (what === kind.other) return this.#other(value)
    if (what >= bytesKind) return this.#bytes(value as ArrayBuffer | ArrayBufferView, what)
    if (what === kind.port) this.needsPort = true
    return value
  }

  #note<T extends object>(value: object, copy: T): T {
    this.#copies.set(value, copy)
    return copy
  }

  #properties(value: object, copy: object): object {
    for (const [key, each] of Object.entries(value)) setOwn(copy, key, this.of(each))
    return copy
  }

  #items(values: readonly unknown[], copy: unknown[]): unknown[] {
    for (let i = 0; i < values.length; i++) copy.push(this.of(values[i]))
    return copy
  }

  #map(map: ReadonlyMap<unknown, unknown>, copy: Map<unknown, unknown>): Map<unknown, unknown> {
    for (const [key, value] of map) copy.set(this.of(key), this.of(value))
    return copy
  }

  #set(set: ReadonlySet<unknown>, copy: Set<unknown>): Set<unknown> {
    for (const value of set) copy.add(this.of(value))
    return copy
  }

  #bare(value: object): object {
    const data = {}
    return this.#standIn(value, { is: 'bare', data }, () => this.#properties(value, data))
  }

  #bytes(value: ArrayBuffer | ArrayBufferView, what: number): unknown {
    const buffer = ArrayBuffer.isView(value) ? value.buffer : value
    if (value.byteLength === 0 && isDetached(buffer)) this.isRefused = true
    if (buffer instanceof SharedArrayBuffer || isMoved(buffer)) this.needsPort = true
    if (this.isRefused || what !== kind.buffer) return value
    const { byteOffset, byteLength } = value as Buffer
    return this.#standIn(value, { is: 'buffer', data: new Uint8Array(buffer, byteOffset, byteLength) })
  }

  #other(value: object): unknown {
    const { extensions, packed } = this.rules
    const extension = extensions.find((each) => each.matches(value))
    if (extension !== undefined) {
      packed.push(value)
      return this.#standIn(value, { is: 'extension', tag: extension.tag, data: extension.pack(value) })
    }
    if (isError(value)) return this.#error(value)
    this.isRefused = true
    return value
  }

  #error(error: Error): object {
    const data = carriedError(error, this.rules.carries)
    return this.#standIn(error, { is: 'error', data }, () => {
      if (Object.hasOwn(data, 'cause')) data.cause = this.of(data.cause)
      if (data.errors !== undefined) data.errors = data.errors.map((each) => this.of(each))
      if (data.own !== undefined) data.own = this.#properties(data.own, {}) as Record<string, unknown>
    })
  }

  /** @param fill makes the copies of what it holds, which may be the value itself. */
  #standIn(value: object, original: Original, fill?: () => void): object {
    const standIn = this.#note(value, {})
    this.standIns.push(standIn)
    this.originals.push(original)
    fill?.()
    return standIn
  }
}

/** The value that a graph was made of. The graph is used up. */
export function fromGraph(graph: Graph, extensions: readonly Extension[]): unknown {
  return graph.standIns.length === 0 ? graph.value : new GraphRepair(graph, extensions).value()
}

class GraphRepair {
  readonly #found = new Map<unknown, unknown>()
  readonly #walked = new Set<object>()

  constructor(
    private readonly graph: Graph,
    private readonly extensions: readonly Extension[],
  ) {}

  value(): unknown {
    const { standIns, originals, value } = this.graph
    for (const [i, original] of originals.entries()) this.#found.set(standIns[i], this.#empty(original))
    for (const [i, original] of originals.entries()) this.#fill(original, this.#found.get(standIns[i]))
    return this.#of(value)
  }

  #empty(original: Original): unknown {
    switch (original.is) {
      case 'bare':
        return Object.create(null)
      case 'buffer':
        return Buffer.from(original.data.buffer, original.data.byteOffset, original.data.byteLength)
      case 'error':
        return emptyError(original.data)
      case 'extension':
        return this.extensions.find(({ tag }) => tag === original.tag)?.unpack(original.data)
    }
  }

  #fill(original: Original, into: unknown): void {
    if (original.is === 'bare') Object.assign(into as object, this.#of(original.data))
    if (original.is === 'error') fillError(into as Error, this.#of(original.data) as CarriedError)
  }

  /** What `value` stands for, or itself with its contents repaired. */
  #of(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (this.#found.has(value)) return this.#found.get(value)
    if (this.#walked.has(value)) return value
    this.#walked.add(value)
    if (value instanceof Map) this.#repairMap(value)
    else if (value instanceof Set) this.#repairSet(value)
    else if (Array.isArray(value)) for (const [i, each] of value.entries()) value[i] = this.#of(each)
    else if (kindOf(value) === kind.plain) {
      for (const [key, each] of Object.entries(value)) setOwn(value, key, this.#of(each))
    }
    return value
  }

  #repairMap(map: Map<unknown, unknown>): void {
    const entries = [...map]
    map.clear()
    for (const [key, value] of entries) map.set(this.#of(key), this.#of(value))
  }

  #repairSet(set: Set<unknown>): void {
    const values = [...set]
    set.clear()
    for (const value of values) set.add(this.#of(value))
  }
}
