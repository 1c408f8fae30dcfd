import { pointer } from './rules-error.js'

/** Strings, and the signs that make the structure. Without alternatives to try, so it is linear in the text. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g

/** An object or an array whose end has not come yet. */
interface Open {
  /** Keys so far; none of an array. */
  readonly keys: Set<string> | undefined
  /** The key of the value that comes, or its place. */
  at: string | number
}

/**
 * The JSON Pointer of a key that is in its object twice; `undefined` if there is none. `JSON.parse` takes the last one, and
 * whoever has written the first believes that it is in force.
 * @param text that is JSON.
 */
export function duplicateKey(text: string): string | undefined {
  const open: Open[] = []
  let isKey = false
  for (const [token] of text.matchAll(tokens)) {
    const inner = open.at(-1)
    if (token === '{' || token === '[') {
      isKey = token === '{'
      open.push({ keys: isKey ? new Set() : undefined, at: 0 })
    } else if (token === '}' || token === ']') {
      open.pop()
      isKey = false
    } else if (token === ',' && inner !== undefined) {
      isKey = inner.keys !== undefined
      if (typeof inner.at === 'number') inner.at++
    } else if (isKey && inner?.keys !== undefined) {
      const key = JSON.parse(token) as string
      inner.at = key
      if (inner.keys.has(key)) return pointer(...open.map(({ at }) => String(at)))
      inner.keys.add(key)
      isKey = false
    }
  }
  return undefined
}
