import fastifyBusboy from '@fastify/busboy'
import type { Buffer } from 'node:buffer'

/** The header fields of a part: names in lower case, each with its values, a byte a character. */
export type PartHeaders = Readonly<Record<string, readonly string[]>>

/** A part while it is parsed. `Dicer` pushes the part's bytes into it, and then null. */
export interface PartStream {
  push: (bytes: Buffer | null) => boolean
  on(event: 'header', listener: (headers: PartHeaders) => void): this
  emit(event: 'end'): boolean
}

/** The multipart parser inside of busboy. */
export interface Dicer {
  write(bytes: Uint8Array): boolean
  on(event: 'part', listener: (part: PartStream) => void): this
  on(event: 'finish', listener: () => void): this
  on(event: 'error', listener: (error: Error) => void): this
}

export interface DicerOptions {
  readonly boundary: string
  readonly maxHeaderPairs: number
  readonly maxHeaderSize: number
}

// The boundary to the library: its own types describe all of a stream, and leave out what is used here.
export const Dicer = fastifyBusboy.Dicer as unknown as new (options: DicerOptions) => Dicer
