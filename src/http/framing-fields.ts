import { isText, textOf } from './bytes.js'

/** Header fields that say how the message is to be read, as bits of what has been seen. */
export const OTHER = 0
export const HOST = 1
export const CONNECTION = 2
export const CONTENT_LENGTH = 4
export const TRANSFER_ENCODING = 8
export const EXPECT = 16
export const UPGRADE = 32
/** Any field of a trailer section. */
export const TRAILER = 64
/** Options of Connection, in the same bits. */
export const CLOSE = 128
export const KEEP_ALIVE = 256
export const OPTION_UPGRADE = 512

/** Fields that a trailer section must not have: they would change how the message is read. Source: RFC 9110, 6.5.1. */
export const forbiddenInTrailers =
  /^(content-length|transfer-encoding|host|connection|trailer|te|upgrade|expect|content-encoding|content-type|content-range|authorization|cookie|set-cookie|cache-control)$/i

/** Which of them stands there. */
export function kindOf(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 4:
      return isText(bytes, start, end, 'host') ? HOST : OTHER
    case 6:
      return isText(bytes, start, end, 'expect') ? EXPECT : OTHER
    case 7:
      return isText(bytes, start, end, 'upgrade') ? UPGRADE : OTHER
    case 10:
      return isText(bytes, start, end, 'connection') ? CONNECTION : OTHER
    case 14:
      return isText(bytes, start, end, 'content-length') ? CONTENT_LENGTH : OTHER
    case 17:
      return isText(bytes, start, end, 'transfer-encoding') ? TRANSFER_ENCODING : OTHER
    default:
      return OTHER
  }
}

/** The options of a Connection field that mean something here. */
export function optionsOf(bytes: Uint8Array, start: number, end: number): number {
  if (isText(bytes, start, end, 'keep-alive')) return KEEP_ALIVE
  let options = 0
  for (const option of membersOf(bytes, start, end)) {
    if (option === 'close') options |= CLOSE
    else if (option === 'keep-alive') options |= KEEP_ALIVE
    else if (option === 'upgrade') options |= OPTION_UPGRADE
  }
  return options
}

/** The members of a list, in lower case. Source: RFC 9110, 5.6.1. */
export function membersOf(bytes: Uint8Array, start: number, end: number): string[] {
  return textOf(bytes, start, end)
    .toLowerCase()
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
}
