import { ArgumentError } from '../runtime/errors.js'
import type { HttpRequest } from './request.js'

/** Says whether an origin may read the answers to its requests. */
export type OriginCheck = (origin: string, req: HttpRequest) => boolean

/**
 * Which origins are allowed: all, those in a list, those that an expression matches, or those that a function says yes to. An
 * expression has to match from `^` to `$`: `/example\.com/` would let `https://example.com.evil.net` in.
 */
export type Origins = '*' | string | RegExp | readonly (string | RegExp)[] | OriginCheck

/** @throws ArgumentError for what is no origin, or an expression that is not anchored. */
export function originCheck(origins: Origins): OriginCheck {
  if (typeof origins === 'function') return origins
  if (origins === '*') return () => true
  const list = typeof origins === 'string' || origins instanceof RegExp ? [origins] : [...origins]
  const exact = new Set(list.filter((each) => typeof each === 'string').map(checkOrigin))
  const patterns = list.filter((each) => each instanceof RegExp).map(checkPattern)
  return (origin) => exact.has(origin) || patterns.some((pattern) => pattern.test(origin))
}

function checkOrigin(origin: string): string {
  if (origin === '*') throw new ArgumentError("origins: '*' stands for all origins, alone and not in a list")
  if (origin === 'null')
    throw new ArgumentError(
      "origins: 'null' is the origin of every sandboxed page, so anybody's: it cannot be allowed",
    )
  if (!isOrigin(origin)) {
    throw new ArgumentError(
      `origins: ${JSON.stringify(origin)} is not an origin as browsers send it: scheme, host and port, such as 'https://example.com'; for several use a RegExp`,
    )
  }
  return origin
}

/** Other schemes than that of the web, of apps, are compared as they are written. */
function isOrigin(origin: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*\\]+$/.test(origin)) return false
  return !/^https?:/.test(origin) || (URL.canParse(origin) && new URL(origin).origin === origin)
}

function checkPattern(pattern: RegExp): RegExp {
  const { source, flags } = pattern
  if (!source.startsWith('^') || !source.endsWith('$') || source.endsWith('\\$') || hasOpenChoice(source)) {
    throw new ArgumentError(
      `origins: ${pattern} matches parts of an origin: let it begin with ^ and end with $, and put choices in a group`,
    )
  }
  return new RegExp(source, flags.replace(/[gy]/g, '')) // these remember where the last match ended
}

/** `^a|b$` is anchored at one end each. */
function hasOpenChoice(source: string): boolean {
  let depth = 0
  for (const [each] of source.matchAll(/\\.|\[(?:\\.|[^\]])*\]|[()|]/g)) {
    if (each === '(') depth++
    else if (each === ')') depth--
    else if (each === '|' && depth === 0) return true
  }
  return false
}
