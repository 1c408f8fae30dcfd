import { isObject } from './document.js'

/**
 * Applies a merge patch: what it names is replaced, `null` takes away, objects are merged. Neither argument is changed, and
 * the result inherits nothing, so that a key `__proto__` is a key. Source: RFC 7396.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = Object.create(null)
  if (isObject(target)) Object.assign(merged, target)
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = mergePatch(merged[key], value)
  }
  return merged
}
