import { HttpError } from './http-error.js'
import type { HttpRequest } from './request.js'

/** Hosts and paths that stand in a URL as they are; others are normalised. */
const plainHost = /^(?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*(?::(?:[1-9]\d{3}|[1-5]\d{4}))?$/
const address =
  /^(?:(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\.){3}(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])(?::(?:[1-9]\d{3}|[1-5]\d{4}))?$/
const plainTarget = /^\/[A-Za-z0-9\-._~!$&()*+,;=:@%/]*(?:\?[A-Za-z0-9\-._~!$&()*+,;=:@%/?[\]]*)?$/
const dotSegment = /\/(?:\.|%2e){1,2}(?:[/?]|$)/i
/** What would end the host, and let it say the path as well. */
const notInHost = /[/?#@\\]/

let lastHost = ''

/**
 * The absolute URL of a request in normal form, as `new Request(url).url` is. Its host is what the client says.
 * @throws HttpError 400 if the host is none.
 */
export function requestUrl(req: HttpRequest): string {
  const { target, host: said } = req
  const host = said === '' ? 'localhost' : said
  const path = target.charCodeAt(0) === 47 ? target : '/'
  const url = `${req.scheme}://${host}${path}`
  if (host !== lastHost) {
    if (!isPlain(host)) return normalised(host, url)
    lastHost = host
  }
  return plainTarget.test(path) && !dotSegment.test(path) ? url : normalised(host, url)
}

function isPlain(host: string): boolean {
  if (host.length > 253 || host.includes('xn--')) return false
  return plainHost.test(host) || address.test(host)
}

function normalised(host: string, url: string): string {
  if (notInHost.test(host)) throw badHost(host)
  try {
    return new URL(url).href
  } catch (error) {
    throw badHost(host, error)
  }
}

function badHost(host: string, cause?: unknown): HttpError {
  return new HttpError(400, `${JSON.stringify(host)} is no host`, { cause })
}
