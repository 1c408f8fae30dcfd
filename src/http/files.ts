import { realpath } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { ArgumentError, MisuseError } from '../runtime/errors.js'
import { type FileOptions, pathOf, respondWith } from './file.js'
import type { Handler } from './handler.js'
import { HttpError } from './http-error.js'
import { promised } from './promised.js'
import type { HttpRequest } from './request.js'
import { HttpResponse } from './response.js'
import { refusal, StoredFile } from './stored-file.js'

export interface FilesOptions extends Omit<FileOptions, 'contentType' | 'download'> {
  /** The file that answers for a folder: `index.html` unless given. With `false` folders are not found. */
  readonly index?: string | false
  /** Whether files and folders whose names begin with a dot are found: false unless given. */
  readonly dotFiles?: boolean
  /** Whether symbolic links may lead out of the root: false unless given. */
  readonly symlinksOut?: boolean
}

/**
 * Answers with the files of a folder: the handler of a route with a wildcard, for GET and HEAD.
 *
 * ```ts
 * app.get('/assets/*', files('public', { cacheControl: 'public, max-age=31536000, immutable' }))
 * ```
 *
 * What the wildcard has matched is the path within the root. It is refused, and not put right, if it holds `..`, `.`, an empty
 * part, a backslash or a NUL, encoded or not; a link out of the root is found as little as a hidden file. The path of a
 * folder is redirected to the one with a slash, where its index answers. Each answers as `file` does.
 *
 * @throws ArgumentError if the root is no path. Requests: `HttpError` 404, 403, 405, 412, 416.
 */
export function files(root: string | URL, options: FilesOptions = {}): Handler {
  if (root === '') throw new ArgumentError("files() needs a folder: '.' for the working one")
  const base = resolve(pathOf(root))
  return (req) => promised(() => respond(req, base, options), 'file')
}

async function respond(req: HttpRequest, root: string, options: FilesOptions): Promise<HttpResponse> {
  if (req.method !== 'GET' && req.method !== 'HEAD')
    throw new HttpError(405, undefined, { headers: { Allow: 'GET, HEAD' } })
  const parts = partsOf(req, options)
  const { index = 'index.html' } = options
  if (!req.path.endsWith('/')) return (await answer(req, root, parts, options)) ?? toFolder(req, index)
  if (index === false) throw new HttpError(404)
  const response = await answer(req, root, [...parts, index], options)
  if (response === undefined) throw new HttpError(404)
  return response
}

/** The response; `undefined` for a folder. */
async function answer(
  req: HttpRequest,
  root: string,
  parts: readonly string[],
  options: FilesOptions,
): Promise<HttpResponse | undefined> {
  const name = parts.at(-1) ?? ''
  const open = async (ending: string) => {
    const sibling = ending === '' ? parts : [...parts.slice(0, -1), `${name}${ending}`]
    return StoredFile.open(await find(root, sibling, options))
  }
  const stored = await open('')
  try {
    if (stored.isFile) return await respondWith(req, { name, open, stored }, options)
    if (stored.isFolder) return undefined
    throw new HttpError(404)
  } finally {
    await stored.close()
  }
}

/** The parts of the path within the root. @throws HttpError 404 for those that lead elsewhere, or to what is hidden. */
function partsOf(req: HttpRequest, { dotFiles = false }: FilesOptions): string[] {
  const path = req.params['*']
  if (path === undefined)
    throw new MisuseError("files() answers for a route with a wildcard, such as '/assets/*'")
  const parts = path.split('/')
  if (parts.at(-1) === '') parts.pop()
  for (const part of parts) {
    const isHidden = part.startsWith('.') && !dotFiles
    if (part === '' || part === '.' || part === '..' || isHidden || notInNames.test(part))
      throw new HttpError(404)
  }
  return parts
}

/** On Windows a colon leads to streams and drives, a few names to devices, and dots and spaces at the end are dropped. */
const notInNames =
  sep === '\\' ? /[\0\\:]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(?:\.|$)/i : /[\0\\]/

async function find(
  root: string,
  parts: readonly string[],
  { symlinksOut = false }: FilesOptions,
): Promise<string> {
  const path = resolve(root, ...parts.map((part) => `.${sep}${part}`))
  if (!isWithin(root, path)) throw new HttpError(404) // the second lock: `partsOf` has refused all that could lead here
  if (symlinksOut) return path
  try {
    // The root may be a link that is moved to another release while this runs.
    const [realRoot, realPath] = await Promise.all([realpath(root), realpath(path)])
    if (isWithin(realRoot, realPath)) return realPath
  } catch (error) {
    throw refusal(error)
  }
  throw new HttpError(404)
}

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)
}

/** Relative, so that a path such as `//example.com/..` leads nowhere else. */
function toFolder({ path, target }: HttpRequest, index: string | false): HttpResponse {
  if (index === false) throw new HttpError(404)
  const name = path.slice(path.lastIndexOf('/') + 1)
  return new HttpResponse(301, undefined, { Location: `./${name}/${target.slice(path.length)}` })
}
