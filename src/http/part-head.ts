import { parseParameters } from './header-parameters.js'
import { HttpError } from './http-error.js'
import type { PartHeaders } from './vendor/busboy.js'

/** What the header of a part says; with a `filename` the part is a file. */
export interface PartHead {
  readonly name: string
  /** As it was sent: not to be trusted. */
  readonly filename: string | undefined
  readonly contentType: string | undefined
  /** Of the content type. */
  readonly charset: string | undefined
}

/**
 * Reads the header of a part of `multipart/form-data`. Source: RFC 7578, section 4.
 * @throws HttpError 400 where it is malformed, 415 for an encoding that is not decoded here.
 */
export function partHead(headers: PartHeaders): PartHead {
  const disposition = parseParameters(only(headers, 'content-disposition') ?? '')
  const name = disposition?.parameters.get('name')
  if (disposition === undefined || disposition.value !== 'form-data' || name === undefined) {
    throw malformedPart('that does not say `Content-Disposition: form-data; name="…"`')
  }
  const contentType = only(headers, 'content-type')
  checkEncoding(only(headers, 'content-transfer-encoding'))
  const filename = filenameOf(disposition.parameters)
  const charset =
    contentType === undefined ? undefined : parseParameters(contentType)?.parameters.get('charset')
  return { name: fromUtf8(name), filename, contentType, charset }
}

/** A field is text in UTF-8, or in the part of it that is ASCII. @throws HttpError 415 */
export function checkCharset(charset: string | undefined): void {
  if (charset === undefined || /^(?:utf-8|us-ascii)$/i.test(charset)) return
  throw new HttpError(415, 'the multipart body has a field in another charset than UTF-8')
}

function only(headers: PartHeaders, name: string): string | undefined {
  const values = headers[name] ?? []
  if (values.length > 1) throw malformedPart(`with several fields ${name}`)
  return values[0]
}

// Browsers send bytes as they are; nothing else has been in use for long (RFC 7578, 4.7).
function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined || /^(?:7bit|8bit|binary)\s*$/i.test(encoding)) return
  throw new HttpError(
    415,
    'the multipart body has a part with a Content-Transfer-Encoding: send bytes as they are',
  )
}

// RFC 7578 (4.2) has no `filename*`, but .NET sends it beside a `filename` that only it can read.
function filenameOf(parameters: ReadonlyMap<string, string>): string | undefined {
  const extended = parameters.get('filename*')
  if (extended !== undefined) return fromExtended(extended)
  const filename = parameters.get('filename')
  return filename === undefined ? undefined : fromUtf8(filename)
}

/** Source: RFC 8187. */
function fromExtended(value: string): string {
  const [, encoded] = /^utf-8'[^']*'([^']*)$/i.exec(value) ?? []
  try {
    if (encoded !== undefined) return decodeURIComponent(encoded)
  } catch {} // no percent-encoding of UTF-8: as malformed as the rest
  throw malformedPart('with a malformed filename*')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** From a byte a character, as the parser gives header values. */
function fromUtf8(text: string): string {
  try {
    return utf8.decode(Buffer.from(text, 'latin1'))
  } catch {
    throw malformedPart('with a name that is not UTF-8')
  }
}

export function malformedPart(which: string): HttpError {
  return new HttpError(400, `the multipart body has a part ${which}`)
}
