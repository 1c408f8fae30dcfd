import { mediaTypeOf } from './vendor/mime.js'

/** The Content-Type of a file by the ending of its name; text is taken for UTF-8. */
export function contentTypeOf(name: string): string {
  const type = mediaTypeOf(name)
  if (type === undefined) return 'application/octet-stream'
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type
}
