import { SluiceError } from '../runtime/errors.js'

/**
 * How frames are made of bytes and bytes of frames. Pure functions over bytes: a codec never sees a socket. Write your
 * own as an object with these two members.
 *
 * @typeParam In what is received. @typeParam Out what is sent.
 */
export interface Codec<In, Out = In> {
  /** Makes a decoder: each connection has one. */
  decoder(): Decoder<In>
  /** The bytes of a frame. Text leaves as UTF-8; of several pieces none is copied. May throw: nothing is sent then. */
  encode(frame: Out): Encoded
}

export type Encoded = string | Uint8Array | readonly Uint8Array[]

/**
 * Finds frames in bytes that come in any pieces: the same frames, however the bytes are split.
 *
 * Frames are asked for one by one, so that whoever cannot take more leaves the rest as the bytes they are. What
 * `next` or `end` throws ends the connection; a `FrameError` says what is wrong with the bytes.
 */
export interface Decoder<In> {
  /** Takes more bytes, which are the decoder's from now on. */
  push(bytes: Buffer): void
  /** The next whole frame; `undefined` when it takes more bytes. */
  next(): In | undefined
  /** The peer has sent all: the last frame, if it needs no more bytes to be one; throws if it is cut off. */
  end(): In | undefined
}

/** Bytes that are no frame, or too long a one. */
export class FrameError extends SluiceError {
  readonly code = 'ERR_SLUICE_FRAME'
}

/** @internal The error of a frame that is longer than it may be. @param option the name of what limits it. */
export function tooLong(what: string, option: string, mostBytes: number): FrameError {
  return new FrameError(
    `${what} is longer than ${mostBytes} bytes: raise ${option} if such frames are meant to be, or send smaller ones`,
  )
}

/** @internal The error of a connection that ended within a frame. */
export function cutOff(gotBytes: number): FrameError {
  return new FrameError(
    `the peer ended the connection within a frame, of which ${gotBytes} bytes had come: it crashed, or frames are made otherwise on its side`,
  )
}
