import { RouteError } from './route-error.js'

/** The names of the parameters in a path: `'id' | '*'` of `/files/:id/*`. */
type ParamNames<P extends string> = P extends `${infer Segment}/${infer Rest}`
  ? NameIn<Segment> | ParamNames<Rest>
  : NameIn<P>
type NameIn<S extends string> = S extends `:${infer Name}` ? Name : S extends '*' ? '*' : never

/** The parameters of a path, by its literal: `{ id: string }` of `/orders/:id`. */
export type PathParams<P extends string> = string extends P
  ? Record<string, string>
  : { [Name in ParamNames<P>]: string }

/** How the paths of a pattern lie to a prefix: all under it, none, or that depends on the path. */
export type Coverage = 'all' | 'none' | 'some'

/** A path as it is registered, in segments: literals, `:name` for a parameter, and `*` for all the rest. */
export class RoutePattern {
  /** What all paths are under. */
  static readonly root = new RoutePattern([])

  private constructor(readonly segments: readonly string[]) {}

  /**
   * Reads the path of a route. Literals are compared with the request's path as they are sent, so what a URL has to
   * percent-encode is encoded here: `/café` answers `/caf%C3%A9`.
   * @throws RouteError
   */
  static parse(path: string): RoutePattern {
    if (typeof path !== 'string' || !path.startsWith('/'))
      throw new RouteError(`the path ${show(path)} has to begin with a slash`)
    const segments = path === '/' ? [] : path.slice(1).split('/')
    for (const [i, segment] of segments.entries()) checkSegment(segment, i === segments.length - 1, path)
    return new RoutePattern(
      segments.map((segment) => (nameOf(segment) === undefined ? encode(segment) : segment)),
    )
  }

  /** Reads what a middleware or a router stands under. @throws RouteError */
  static parsePrefix(path: string): RoutePattern {
    const pattern = RoutePattern.parse(path)
    if (pattern.segments.includes('*'))
      throw new RouteError(`the prefix ${show(path)} stands for all that is under it: leave the * away`)
    return pattern.segments.at(-1) === '' ? new RoutePattern(pattern.segments.slice(0, -1)) : pattern
  }

  /** `below` with this as its prefix; `/` under `/orders` is `/orders`. */
  join(below: RoutePattern): RoutePattern {
    return new RoutePattern([...this.segments, ...below.segments])
  }

  /** The parameters, in their order. */
  get names(): string[] {
    return this.segments.map(nameOf).filter((name) => name !== undefined)
  }

  get isRoot(): boolean {
    return this.segments.length === 0
  }

  /** The same for two patterns that match the same paths. */
  get shape(): string {
    return `/${this.segments.map((segment) => (segment.startsWith(':') ? ':' : segment)).join('/')}`
  }

  toString(): string {
    return `/${this.segments.join('/')}`
  }

  /** How the paths of `other` lie to this prefix. */
  covers(other: RoutePattern): Coverage {
    let coverage: Coverage = 'all'
    for (const [i, mine] of this.segments.entries()) {
      const theirs = other.segments[i]
      if (theirs === '*') return 'some'
      if (theirs === undefined || (theirs === '' && mine !== '')) return 'none'
      if (mine.startsWith(':') || mine === theirs) continue
      if (!theirs.startsWith(':')) return 'none'
      coverage = 'some'
    }
    return coverage
  }

  /**
   * Whether a request's path lies under this prefix. The path is decoded for it, unlike for finding its route: `/%61dmin`
   * that reaches `/:section` as `admin`, or `/admin%2Fusers` that reaches `/*` as `admin/users`, must not get around what
   * stands before `/admin`.
   */
  isPrefixOf(path: string): boolean {
    return (
      this.matches(path.split('/').map(decode)) ||
      (path.includes('%') && this.matches(decode(path).split('/')))
    )
  }

  private matches([, ...segments]: readonly string[]): boolean {
    return this.segments.every((mine, i) => {
      const theirs = segments[i]
      return mine.startsWith(':') ? theirs !== undefined && theirs !== '' : theirs === decode(mine)
    })
  }
}

function nameOf(segment: string): string | undefined {
  return segment.startsWith(':') ? segment.slice(1) : segment === '*' ? '*' : undefined
}

function checkSegment(segment: string, isLast: boolean, path: string): void {
  const where = `in the path ${show(path)}`
  if (segment === '' && !isLast) throw new RouteError(`there is an empty segment ${where}`)
  if (segment === '.' || segment === '..')
    throw new RouteError(`no client sends the segment ${segment} ${where}`)
  if (segment === '*' && !isLast) throw new RouteError(`the wildcard * has to be the last segment ${where}`)
  if (segment === ':') throw new RouteError(`there is a parameter without a name ${where}`)
  if (segment !== '*' && !/^:[A-Za-z_]\w*$|^[^:*?#]*$/.test(segment))
    throw new RouteError(
      `the segment ${show(segment)} ${where} is none: a parameter (:name) or a wildcard (*) is a segment of its own, the name of letters, digits and _, and : * ? # stand nowhere else`,
    )
}

function encode(segment: string): string {
  return segment.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function show(path: unknown): string {
  return typeof path === 'string' ? JSON.stringify(path) : String(path)
}
