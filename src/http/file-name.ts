/** What a directory entry may have on Linux, macOS and Windows. */
const maxNameBytes = 255
/** An extension is kept when the rest is cut. */
const maxExtension = 16

/** What Windows takes for a device, with any extension. */
const device = /^(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(?:\.|$)/i

/**
 * The name of a file as a client sends it, made harmless: the part after the last slash or backslash, in Unicode's
 * normal form C, without control characters and those that turn the direction of writing (`gpj.exe` that reads as
 * `exe.jpg`), without dots or spaces at either end, with `_` for what Windows does not allow, and of no more than 255 bytes.
 * Empty where nothing is left. It is a name, and no more: whether it exists already is for the caller to see.
 */
export function safeFileName(name: string): string {
  const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1)
  const visible = base
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '')
    .normalize('NFC')
    .replace(/[<>:"|?*]/g, '_')
  const trimmed = withoutTail(visible.replace(/^[.\s]+/u, ''))
  return cut(device.test(trimmed) ? `_${trimmed}` : trimmed)
}

// A loop: the regular expression for it takes quadratic time.
function withoutTail(name: string): string {
  let end = name.length
  while (end > 0 && /[.\s]/u.test(name[end - 1] as string)) end--
  return name.slice(0, end)
}

function cut(name: string): string {
  if (Buffer.byteLength(name) <= maxNameBytes) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && name.length - dot <= maxExtension ? name.slice(dot) : ''
  let left = maxNameBytes - Buffer.byteLength(extension)
  let stem = ''
  for (const character of name.slice(0, name.length - extension.length)) {
    left -= Buffer.byteLength(character)
    if (left < 0) break
    stem += character
  }
  return extension === '' ? withoutTail(stem) : stem + extension
}
