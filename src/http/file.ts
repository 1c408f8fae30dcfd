import { fileURLToPath } from 'node:url'
import type { Operation } from '../runtime/operation.js'
import { type ByteRange, parseRange } from './byte-range.js'
import { attachment } from './content-disposition.js'
import { contentTypeOf } from './content-type.js'
import { HttpError } from './http-error.js'
import { rangeApplies, type Validators, verdict } from './preconditions.js'
import { promised } from './promised.js'
import type { HttpRequest } from './request.js'
import { HttpResponse } from './response.js'
import type { HeaderInit } from './response-headers.js'
import { StoredFile } from './stored-file.js'
import { preferredEncoding } from './vendor/negotiator.js'

export interface FileOptions {
  /** More header fields; they replace those that are made here. */
  readonly headers?: HeaderInit
  /** By the ending of the name unless given, text in UTF-8. */
  readonly contentType?: string
  /** `no-cache` unless given: caches keep the file, and ask whether it has changed. `false` leaves the field out. */
  readonly cacheControl?: string | false
  /** Whether the response has an ETag, made of the file's size and time: true unless given. */
  readonly etag?: boolean
  /** Whether it has the time of the last change: true unless given. */
  readonly lastModified?: boolean
  /** The name under which the client saves the file instead of showing it. */
  readonly download?: string
  /**
   * Whether `NAME.br` or `NAME.gz` beside the file is sent instead to whoever takes it: false unless given. They have to be
   * made anew together with the file.
   */
  readonly precompressed?: boolean
}

/**
 * Answers with a file of the disk: conditions, a range (one; several are answered with the whole), HEAD. Up to 64 KiB are
 * read at once; what is longer is read while it is sent, as fast as the client takes it, and breaks off with `FileChanged`
 * if the file is no longer the same. The path is trusted: for one that comes from the request there is `files`.
 *
 * Throws `HttpError` 404 if there is no such file, 403 if it may not be read, 412 and 416.
 * Source: RFC 9110, sections 13 and 14.
 *
 * ```ts
 * app.get('/report', (req) => file(req, 'var/report.pdf', { download: 'Report 2026.pdf' }))
 * ```
 */
export function file(
  req: HttpRequest,
  path: string | URL,
  options: FileOptions = {},
): Operation<HttpResponse> {
  return promised(() => respondFrom(req, pathOf(path), options), 'file')
}

/** A path, of the working folder if it is relative; a `file:` URL. */
export function pathOf(path: string | URL): string {
  return typeof path === 'string' ? path : fileURLToPath(path)
}

async function respondFrom(req: HttpRequest, path: string, options: FileOptions): Promise<HttpResponse> {
  const place: Place = { name: path, open: (ending) => StoredFile.open(`${path}${ending}`) }
  const stored = await place.open('')
  try {
    if (!stored.isFile) throw new HttpError(404)
    return await respondWith(req, { ...place, stored }, options)
  } finally {
    await stored.close()
  }
}

/** Where a file stands. */
export interface Place {
  /** As it was asked for: its ending says what the file is, whatever it is a link to. */
  readonly name: string
  /** Opens the file, or one beside it whose name has another ending behind. Throws `HttpError`. */
  readonly open: (ending: string) => Promise<StoredFile>
}

/** Answers with a file that is open, and stays so until this is done. */
export async function respondWith(
  req: HttpRequest,
  place: Place & { readonly stored: StoredFile },
  options: FileOptions,
): Promise<HttpResponse> {
  const type = options.contentType ?? contentTypeOf(place.name)
  const sibling = options.precompressed === true ? await openSibling(req, place) : undefined
  if (sibling === undefined) return answer(req, place.stored, { type, coding: undefined, options })
  try {
    return await answer(req, sibling.stored, { type, coding: sibling.coding, options })
  } finally {
    await sibling.stored.close()
  }
}

/** How a file is sent. */
interface Manner {
  readonly type: string
  readonly coding: string | undefined
  readonly options: FileOptions
}

async function answer(req: HttpRequest, stored: StoredFile, manner: Manner): Promise<HttpResponse> {
  const isRead = req.method === 'GET' || req.method === 'HEAD'
  const { etag, lastModifiedMs, isDateExact } = stored.validators(manner.coding)
  const validators: Validators = {
    etag: manner.options.etag === false ? undefined : etag,
    lastModifiedMs: manner.options.lastModified === false ? undefined : lastModifiedMs,
    isDateExact,
  }
  const about = headersAbout(validators, manner.options)
  const { headers } = manner.options
  if (isRead) {
    const outcome = verdict(req, validators)
    if (outcome === 'failed') throw new HttpError(412, 'The file is not in the state that was asked for.')
    if (outcome === 'not modified') return new HttpResponse(304, undefined, { ...about, ...headers })
  }
  const range = rangeOf(req, stored.sizeBytes, validators)
  const body = req.method === 'HEAD' ? undefined : await stored.content(range ?? wholeOf(stored))
  return new HttpResponse(range === undefined ? 200 : 206, body, {
    ...about,
    ...headersOf(stored, range, manner),
    ...headers,
  })
}

function wholeOf(stored: StoredFile): ByteRange {
  return { start: 0, end: stored.sizeBytes }
}

/** The range to send; `undefined` for all. Only GET has ranges. @throws HttpError 416 */
function rangeOf(req: HttpRequest, sizeBytes: number, validators: Validators): ByteRange | undefined {
  const field = req.method === 'GET' ? req.header('range') : undefined
  if (field === undefined || !rangeApplies(req, validators)) return undefined
  const range = parseRange(field, sizeBytes)
  if (range === 'unsatisfiable') {
    const headers = { 'Content-Range': `bytes */${sizeBytes}` }
    throw new HttpError(416, `The file has ${sizeBytes} bytes.`, { headers })
  }
  return range === 'all' ? undefined : range
}

/** What a 304 says as well. Source: RFC 9110, 15.4.5. */
function headersAbout({ etag, lastModifiedMs }: Validators, options: FileOptions): Record<string, string> {
  const { cacheControl = 'no-cache' } = options
  return {
    ...(etag !== undefined && { ETag: etag }),
    ...(lastModifiedMs !== undefined && { 'Last-Modified': new Date(lastModifiedMs).toUTCString() }),
    ...(cacheControl !== false && { 'Cache-Control': cacheControl }),
    ...(options.precompressed === true && { Vary: 'Accept-Encoding' }),
  }
}

function headersOf(stored: StoredFile, range: ByteRange | undefined, manner: Manner): Record<string, string> {
  const { sizeBytes } = stored
  const { start, end } = range ?? wholeOf(stored)
  const { type, coding, options } = manner
  return {
    'Content-Type': type,
    'Content-Length': `${end - start}`,
    'Accept-Ranges': 'bytes',
    ...(range !== undefined && { 'Content-Range': `bytes ${start}-${end - 1}/${sizeBytes}` }),
    ...(coding !== undefined && { 'Content-Encoding': coding }),
    ...(options.download !== undefined && { 'Content-Disposition': attachment(options.download) }),
  }
}

const endings: Readonly<Record<string, string>> = { br: '.br', gzip: '.gz' }

/** The file beside this one that has the same content in the coding that the client likes best. */
async function openSibling(
  req: HttpRequest,
  place: Place,
): Promise<{ readonly stored: StoredFile; readonly coding: string } | undefined> {
  const accepted = req.header('accept-encoding')
  if (accepted === undefined) return undefined
  let left = ['br', 'gzip', 'identity']
  for (;;) {
    const coding = preferredEncoding(accepted, left)
    const ending = coding === undefined ? undefined : endings[coding]
    if (coding === undefined || ending === undefined) return undefined
    const stored = await openIfThere(place, ending)
    if (stored !== undefined) return { stored, coding }
    left = left.filter((each) => each !== coding)
  }
}

async function openIfThere(place: Place, ending: string): Promise<StoredFile | undefined> {
  try {
    const stored = await place.open(ending)
    if (stored.isFile) return stored
    await stored.close()
    return undefined
  } catch (error) {
    if (error instanceof HttpError) return undefined
    throw error
  }
}
