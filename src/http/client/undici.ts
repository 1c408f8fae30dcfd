import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import type { Context } from '../../context/context.js'
import { MisuseError } from '../../runtime/errors.js'
import type { Routine } from '../../runtime/operation.js'
import { wait } from '../../runtime/promise.js'

/*
 * What is used of undici, in types of this package: it is an optional peer, so nobody must need its own.
 */

/** The header fields of a response, their names in lower case. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

/** Steers a request that is on its connection. */
export interface Controller {
  abort(reason: Error): void
  pause(): void
  resume(): void
}

/** Who is told how a request goes. */
export interface DispatchHandler {
  /** It is written to its connection next: nothing of it was sent before. */
  onRequestStart(controller: Controller): void
  onResponseStart(controller: Controller, status: number, fields: Fields): void
  onResponseData(controller: Controller, chunk: Buffer): void
  onResponseEnd(controller: Controller): void
  onResponseError(controller: Controller, error: Error): void
}

export interface DispatchOptions {
  readonly method: string
  readonly path: string
  /** Names and values by turns. */
  readonly headers: string[]
  readonly body: Uint8Array | Readable | null
}

/** One connection, which is opened when it is needed, and again after it was lost. */
export interface Line {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean
  destroy(): Promise<void>
  on(event: 'connect' | 'disconnect', listener: () => void): this
}

/** Opens a connection, and tells `opened` of it; gives what will be the connection. */
export type Connector = (place: object, opened: (...outcome: never[]) => void) => Socket

export interface ConnectorOptions extends SecureContextOptions {
  readonly timeout: number
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
  readonly allowH2: false
}

export interface LineOptions {
  readonly keepAliveTimeout: number
  readonly keepAliveMaxTimeout: number
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly pipelining: 1
  readonly allowH2: false
}

export interface Undici {
  readonly Client: new (origin: string, options: LineOptions & { readonly connect: Connector }) => Line
  /** Connections of one connector share what TLS remembers of a server. */
  buildConnector(options: ConnectorOptions): Connector
}

let loading: Promise<Undici> | undefined
let loaded: Undici | undefined

/** Begins to load undici, which takes longer than most requests may. */
export function preload(): void {
  if (loading !== undefined) return
  loading = load()
  // Whoever sends a request is told; it may have been installed by the next one.
  loading.catch(() => {
    loading = undefined
  })
}

/** What is used of undici. Throws `MisuseError` where it is not installed. */
export function* undici(ctx: Context): Routine<Undici> {
  if (loaded === undefined) {
    preload()
    loaded = yield* wait(loading as Promise<Undici>).within(ctx)
  }
  return loaded
}

async function load(): Promise<Undici> {
  try {
    const { Client, buildConnector } = await import('undici')
    // The boundary to the library: of what its types allow more, such as strange bodies, nothing is given to it.
    return { Client, buildConnector } as unknown as Undici
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new MisuseError(
      'httpClient() sends its requests with the package undici, which is not installed: npm install undici',
      {
        cause: error,
      },
    )
  }
}

/** Not where something that undici itself imports is missing. */
function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return code === 'ERR_MODULE_NOT_FOUND' && String(message).includes("'undici'")
}
