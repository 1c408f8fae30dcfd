import mime from 'mime'

/** The media type of a file by the ending of its name, without parameters; `undefined` for an ending nobody knows. */
export function mediaTypeOf(name: string): string | undefined {
  return mime.getType(name) ?? undefined
}
