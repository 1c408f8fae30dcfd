import { RouteError } from './route-error.js'
import { RoutePattern } from './route-pattern.js'
import { type PathTree, pathTree } from './vendor/memoirist.js'

/** A resource whose name says which requests it is. */
interface Named {
  readonly name: string
  /** `undefined` for all. */
  readonly method: string | undefined
  readonly pattern: RoutePattern
}

/**
 * Finds the resource of a request among names like `GET /orders/:id`, or `/orders/:id` for all methods. Of several that fit it
 * is the one that a router would choose: a literal before a parameter before a wildcard, then a method before all methods; HEAD
 * is GET. Other names are none of requests.
 */
export class ResourceTable {
  private readonly trees = new Map<string, PathTree<string>>()
  private readonly others: PathTree<string>

  constructor(names: readonly string[]) {
    const named = names.flatMap((name) => readName(name) ?? [])
    const methods = new Set(named.flatMap(({ method }) => method ?? []))
    if (methods.has('GET')) methods.add('HEAD')
    for (const method of methods)
      this.trees.set(
        method,
        treeOf(named, method === 'HEAD' ? ['HEAD', 'GET', undefined] : [method, undefined]),
      )
    this.others = treeOf(named, [undefined])
  }

  find(method: string, path: string): string | undefined {
    // The tree takes the first character for a slash without looking.
    if (!path.startsWith('/')) return undefined
    return (this.trees.get(method) ?? this.others).find('', path)?.store
  }
}

function readName(name: string): Named | undefined {
  const [, method, path] = /^(?:([A-Z][A-Z0-9-]*) )?(\/.*)$/.exec(name) ?? []
  if (path === undefined) return undefined
  try {
    return { name, method, pattern: RoutePattern.parse(path) }
  } catch (error) {
    if (error instanceof RouteError) return undefined
    throw error
  }
}

/** @param order of two names for the same paths, that of the first of these methods counts. */
function treeOf(named: readonly Named[], order: readonly (string | undefined)[]): PathTree<string> {
  const tree = pathTree<string>()
  const shapes = new Set<string>()
  for (const wanted of order) {
    for (const { name, method, pattern } of named) {
      if (method !== wanted || shapes.has(pattern.shape)) continue
      shapes.add(pattern.shape)
      // What parameters are called is nothing to the tree, which takes one name at one place.
      const path = pattern.segments.map((segment) => (segment.startsWith(':') ? ':any' : segment)).join('/')
      tree.add('', `/${path}`, name)
    }
  }
  return tree
}
