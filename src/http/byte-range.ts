/** Bytes of a representation, by the first one and the one behind the last. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** What a Range asks for: one range, all (it is to be ignored), or nothing that there is. */
export type AskedRange = ByteRange | 'all' | 'unsatisfiable'

/**
 * What a Range field means for `sizeBytes` bytes. One that is malformed, has another unit than bytes, or asks for several
 * ranges that exist, is ignored, as RFC 9110 (14.2) allows: the parts would have to be wrapped in multipart/byteranges, which
 * no browser asks for, and many small ones cost more than the whole. One for an empty representation is ignored as well,
 * as in Go's net/http: there is nothing that a Content-Range could say.
 */
export function parseRange(field: string, sizeBytes: number): AskedRange {
  const set = /^bytes=(.*)$/i.exec(field.trim())?.[1]
  if (set === undefined || sizeBytes === 0) return 'all'
  let found: ByteRange | undefined
  let isEmpty = true
  for (const each of set.split(',')) {
    const spec = each.trim()
    if (spec === '') continue // a list may have empty items (RFC 9110, 5.6.1.2)
    isEmpty = false
    const range = parseSpec(spec, sizeBytes)
    if (range === undefined) return 'all'
    if (range.start >= range.end) continue
    if (found !== undefined) return 'all'
    found = range
  }
  return isEmpty ? 'all' : (found ?? 'unsatisfiable')
}

/** One range, cut to what there is: empty where it is behind the end. `undefined` if it is malformed. */
function parseSpec(spec: string, sizeBytes: number): ByteRange | undefined {
  const { 1: first, 2: last } = /^(\d*)-(\d*)$/.exec(spec) ?? []
  if (first === undefined || last === undefined) return undefined
  if (first !== '') {
    if (last !== '' && Number(last) < Number(first)) return undefined
    return { start: Number(first), end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) }
  }
  // The last so many bytes: all, if there are fewer.
  return last === '' ? undefined : { start: Math.max(0, sizeBytes - Number(last)), end: sizeBytes }
}
