import type { BigIntStats } from 'node:fs'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { SluiceError } from '../runtime/errors.js'
import type { Routine } from '../runtime/operation.js'
import { wait } from '../runtime/promise.js'
import type { ByteRange } from './byte-range.js'
import { HttpError } from './http-error.js'
import type { Validators } from './preconditions.js'
import type { BodySource, BodyWriter } from './response.js'

/** A file was written to, replaced or removed while it was sent: the response breaks off. */
export class FileChanged extends SluiceError {
  readonly code = 'ERR_SLUICE_FILE_CHANGED'

  constructor(path: string, cause?: unknown) {
    super(
      `${path} has changed while it was sent: put new files in place by renaming them`,
      cause === undefined ? undefined : { cause },
    )
  }
}

/** Bytes that are read and sent at a time. */
const chunkBytes = 64 * 1024
/** A file that changed less long ago may change again without its time telling. As in Apache. */
const settledMs = 1000
/** Without the second flag, opening a pipe would keep a thread of the pool until somebody writes into it. */
const forReading = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** A file that is open, as it was found. */
export class StoredFile {
  readonly sizeBytes: number

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private readonly stats: BigIntStats,
  ) {
    this.sizeBytes = Number(stats.size)
  }

  /** @throws HttpError 404 or 403; what else the disk says comes as it is. */
  static async open(path: string): Promise<StoredFile> {
    try {
      const handle = await open(path, forReading)
      return new StoredFile(path, handle, await statsOf(handle))
    } catch (error) {
      throw refusal(error)
    }
  }

  get isFile(): boolean {
    return this.stats.isFile()
  }

  get isFolder(): boolean {
    return this.stats.isDirectory()
  }

  /** What tells it from what stood or will stand under its name. @param coding tells it from its siblings. */
  validators(coding = ''): Validators {
    const nowMs = Date.now()
    const changedMs = Number(this.stats.mtimeMs)
    const isSettled = nowMs - changedMs >= settledMs
    const tag = `"${this.stats.size.toString(36)}-${this.stats.mtimeNs.toString(36)}${coding === '' ? '' : `-${coding}`}"`
    // A date in the future must not be sent. Source: RFC 9110, 8.8.2.1.
    const lastModifiedMs = Math.floor(Math.min(changedMs, nowMs) / 1000) * 1000
    return { etag: isSettled ? tag : `W/${tag}`, lastModifiedMs, isDateExact: isSettled }
  }

  /** The bytes of a range: at once if they are few, else while they are sent. It needs this file open only for the former. */
  async content(range: ByteRange): Promise<Uint8Array | BodySource> {
    const lengthBytes = range.end - range.start
    if (lengthBytes > chunkBytes) return (out: BodyWriter) => this.send(out, range)
    const bytes = new Uint8Array(lengthBytes)
    let filled = 0
    while (filled < lengthBytes) {
      const { bytesRead } = await this.handle.read(bytes, filled, lengthBytes - filled, range.start + filled)
      if (bytesRead === 0) throw new FileChanged(this.path)
      filled += bytesRead
    }
    return bytes
  }

  close(): Promise<void> {
    return this.handle.close()
  }

  /**
   * Opens the file again, and sends it if it is still the same. The tempting wrong version hands the open file to the body:
   * where nobody asks for the body (HEAD, another middleware's answer, a client that has gone), nobody would close it.
   */
  private *send(out: BodyWriter, { start, end }: ByteRange): Routine<void> {
    const opening = open(this.path, forReading)
    try {
      const handle = yield* wait(opening)
      if (!isSame(yield* wait(statsOf(handle)), this.stats)) throw new FileChanged(this.path)
      for (let at = start; at < end; ) {
        // A chunk that has been sent is the connection's until it has gone out: it cannot be filled again.
        const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - at))
        const { bytesRead } = yield* wait(handle.read(chunk, 0, chunk.length, at))
        if (bytesRead === 0) throw new FileChanged(this.path)
        at += bytesRead
        yield* out.send(chunk.subarray(0, bytesRead))
      }
    } catch (error) {
      throw isGone(error) ? new FileChanged(this.path, error) : error
    } finally {
      closeOnceOpen(opening)
    }
  }
}

/** Closes it behind the reads that are under way; also one whose opening nobody waits for any more. */
function closeOnceOpen(opening: Promise<FileHandle>): void {
  opening.then((handle) => handle.close()).catch(() => undefined) // nothing was written that could be lost
}

async function statsOf(handle: FileHandle): Promise<BigIntStats> {
  try {
    return await handle.stat({ bigint: true })
  } catch (error) {
    await handle.close()
    throw error
  }
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return (
    one.ino === other.ino && one.dev === other.dev && one.size === other.size && one.mtimeNs === other.mtimeNs
  )
}

const missing: readonly unknown[] = [
  'ENOENT',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ELOOP',
  'ENXIO',
  'ERR_INVALID_ARG_VALUE',
]
const forbidden: readonly unknown[] = ['EACCES', 'EPERM']

/** What a client is told of an error of the disk: neither the path nor what is wrong with it. */
export function refusal(error: unknown): unknown {
  const code = codeOf(error)
  if (missing.includes(code)) return new HttpError(404, undefined, { cause: error })
  if (forbidden.includes(code)) return new HttpError(403, undefined, { cause: error })
  return error
}

function isGone(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
