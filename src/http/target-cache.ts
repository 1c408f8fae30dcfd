const slots = 1024
/** Longer targets hold what differs from request to request. */
const longest = 128

/**
 * Request targets as strings. The same few come over and over: comparing bytes with a string that is there costs a
 * tenth of making one, and its hash, which the router needs, is known.
 */
export class TargetCache {
  private readonly kept: (string | undefined)[] = new Array<string | undefined>(slots).fill(undefined)

  /** The bytes from `start` to `end` as a string. @param hash of these bytes, in any way that is always the same. */
  find(bytes: Buffer, start: number, end: number, hash: number): string {
    const slot = hash & (slots - 1)
    const known = this.kept[slot]
    if (known !== undefined && isText(bytes, start, end, known)) return known
    const target = bytes.toString('latin1', start, end)
    if (end - start <= longest) this.kept[slot] = target
    return target
  }
}

function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  const { length } = text
  if (end - start !== length) return false
  for (let k = 0; k < length; k++) if (bytes[start + k] !== text.charCodeAt(k)) return false
  return true
}
