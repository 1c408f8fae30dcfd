import type { Http1Request } from './http1-request.js'

/** The requests of a connection that are not answered completely yet, in the order in which they came. */
export class RequestLine implements Iterable<Http1Request> {
  first: Http1Request | undefined = undefined
  count = 0
  /** One of those is not safe: what follows waits. Source: RFC 9112, 9.3.2. */
  isExclusive = false
  private last: Http1Request | undefined = undefined

  get isEmpty(): boolean {
    return this.first === undefined
  }

  push(req: Http1Request): void {
    if (this.last === undefined) this.first = req
    else this.last.following = req
    this.last = req
    this.count++
    if (!isSafe(req.method) || req.wantsUpgrade) this.isExclusive = true
  }

  /** The first one has been answered completely. */
  shift(): void {
    this.first = followerOf(this.first)
    this.count--
    if (this.first !== undefined) return
    this.last = undefined
    this.isExclusive = false
  }

  /** Those that are there now; the line may change meanwhile. */
  *[Symbol.iterator](): Generator<Http1Request, void> {
    for (let req = this.first; req !== undefined; req = followerOf(req)) yield req
  }
}

/** Methods that change nothing, so that several such requests may run at the same time. Source: RFC 9110, 9.2.1. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}

function followerOf(req: Http1Request | undefined): Http1Request | undefined {
  return req?.following as Http1Request | undefined // a line holds only requests of its connection
}
