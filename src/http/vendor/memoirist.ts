import { Memoirist } from 'memoirist'

/** Paths with parameters and wildcards in a tree; a static segment is tried before a parameter, a wildcard last. */
export interface PathTree<T> {
  add(method: string, path: string, store: T): unknown
  /** Parameters are given as they stand in `path`. */
  find(method: string, path: string): { readonly store: T; readonly params: Record<string, string> } | null
}

export function pathTree<T>(): PathTree<T> {
  return new Memoirist<T>()
}
