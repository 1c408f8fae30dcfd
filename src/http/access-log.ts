import { ArgumentError, Canceled } from '../runtime/errors.js'
import { complain } from '../runtime/host.js'
import { type Scheduler, scheduler, type TurnWatcher } from '../runtime/scheduler.js'
import { ClientGone } from './body.js'
import type { Middleware } from './handler.js'
import { HttpError } from './http-error.js'
import type { HttpRequest } from './request.js'
import { requestIdOf } from './request-id.js'
import type { HttpResponse } from './response.js'

/** What is logged of a request. */
export interface AccessEntry {
  /** When it came, in ms since the Unix epoch. */
  readonly timeMs: number
  readonly remoteAddress: string
  readonly method: string
  readonly target: string
  readonly httpVersion: string
  /** 499 where the client was gone before there was a response, as nginx has it. */
  readonly status: number
  /** Length of the body, where it is known before it is sent. */
  readonly bytes: number | undefined
  /** From the middleware's begin until the response was known, in ms. */
  readonly durationMs: number
  readonly referer: string | undefined
  readonly userAgent: string | undefined
  /** From `requestId`, where that stands before or behind. */
  readonly requestId: string | undefined
}

export interface AccessLogOptions {
  /**
   * `'json'`, a line of JSON with all fields, unless given; `'common'` and `'combined'` are Apache's formats, which have no
   * duration. A function returns a line of its own, without the line break: it has to escape what comes from the client.
   */
  readonly format?: 'json' | 'common' | 'combined' | ((entry: AccessEntry) => string)
  /** Takes lines, each with its line break: standard output unless given. What it throws goes to standard error. */
  readonly write?: (lines: string) => void
  /** Whether the query is logged with the path: true unless given. Queries may hold secrets. */
  readonly query?: boolean
  /** Requests that are not logged. */
  readonly skip?: (req: HttpRequest) => boolean
}

/**
 * A middleware that logs each request once its response is known: the outermost one, so that it sees what the others make of
 * the response. Lines are collected during a turn of the scheduler and written at its end, in one call. What comes from the
 * client is escaped: no request can forge a line, or reach into a terminal.
 */
export function accessLog(options: AccessLogOptions = {}): Middleware {
  const { format = 'json', query = true, skip } = options
  const lineOf = typeof format === 'function' ? format : formats[format]
  if (lineOf === undefined)
    throw new ArgumentError(
      `accessLog() knows the formats ${Object.keys(formats).join(', ')}, not ${JSON.stringify(format)}`,
    )
  const log = new LineWriter(options.write ?? standardOutput())
  return function* accessLog(req, next) {
    if (skip?.(req) === true) return yield* next()
    const on = scheduler()
    const startMs = on.clock.now()
    const timeMs = on.clock.epochNow()
    const note = (status: number, bytes: number | undefined): void =>
      log.add(
        on,
        lineOf(entryOf(req, { timeMs, durationMs: on.clock.now() - startMs, status, bytes, query })),
      )
    try {
      const response = yield* next()
      note(response.status, req.method === 'HEAD' ? undefined : bytesOf(response))
      return response
    } catch (error) {
      note(statusOf(error), undefined)
      throw error
    }
  }
}

interface Outcome {
  readonly timeMs: number
  readonly durationMs: number
  readonly status: number
  readonly bytes: number | undefined
  readonly query: boolean
}

function entryOf(req: HttpRequest, { query, ...outcome }: Outcome): AccessEntry {
  return {
    ...outcome,
    remoteAddress: req.remoteAddress,
    method: req.method,
    target: query ? req.target : req.path,
    httpVersion: req.httpVersion,
    referer: req.header('referer'),
    userAgent: req.header('user-agent'),
    requestId: requestIdOf(req),
  }
}

function bytesOf({ body, headers }: HttpResponse): number | undefined {
  if (body === undefined) return 0
  if (typeof body === 'string') return Buffer.byteLength(body)
  if (body instanceof Uint8Array) return body.length
  const declared = headers.get('content-length')
  return declared === undefined ? undefined : Number(declared)
}

function statusOf(error: unknown): number {
  if (error instanceof HttpError) return error.status
  return error instanceof ClientGone || error instanceof Canceled ? 499 : 500
}

const formats: Readonly<Record<string, (entry: AccessEntry) => string>> = {
  json({ timeMs, durationMs, ...entry }) {
    const fields = {
      time: new Date(timeMs).toISOString(),
      ...entry,
      durationMs: Math.round(durationMs * 1000) / 1000,
    }
    // JSON escapes what is below a space; what is above a tilde reaches terminals too.
    return JSON.stringify(fields).replace(/[\x7f-\x9f\u2028\u2029]/g, (each) => `\\u${hex(each, 4)}`)
  },
  common,
  combined(entry) {
    return `${common(entry)} ${quoted(entry.referer)} ${quoted(entry.userAgent)}`
  },
}

/** Source: Apache's mod_log_config, `%h %l %u %t "%r" %>s %b`. */
function common({ remoteAddress, timeMs, method, target, httpVersion, status, bytes }: AccessEntry): string {
  const request = quoted(`${method} ${target} HTTP/${httpVersion}`)
  const host = remoteAddress === '' ? '-' : escaped(remoteAddress)
  return `${host} - - [${apacheTime(timeMs)}] ${request} ${status} ${bytes === undefined || bytes === 0 ? '-' : bytes}`
}

/** `10/Oct/2000:13:55:36 +0000` */
function apacheTime(ms: number): string {
  const [, day, month, year, time] = new Date(ms).toUTCString().split(' ')
  return `${day}/${month}/${year}:${time} +0000`
}

function quoted(value: string | undefined): string {
  return value === undefined ? '"-"' : `"${escaped(value)}"`
}

function escaped(value: string): string {
  return value.replace(/[^\x20-\x7e]|["\\]/g, (each) =>
    /["\\]/.test(each) ? `\\${each}` : `\\x${hex(each, 2)}`,
  )
}

function hex(letter: string, digits: number): string {
  return letter.charCodeAt(0).toString(16).padStart(digits, '0')
}

/** Collects the lines of a turn. */
class LineWriter implements TurnWatcher {
  private lines = ''

  constructor(private readonly write: (lines: string) => void) {}

  add(on: Scheduler, line: string): void {
    if (this.lines === '') on.atTurnEnd(this)
    this.lines += `${line}\n`
  }

  turnEnded(): void {
    const { lines } = this
    this.lines = ''
    try {
      this.write(lines)
    } catch (error) {
      complain(`access log: ${error instanceof Error ? error.message : String(error)}`) // no reason to serve nobody
    }
  }
}

/** A reader of the output that does not keep up costs so much memory, and then lines. */
const mostWaitingBytes = 16 * 1024 * 1024

function standardOutput(): (lines: string) => void {
  let lost = 0
  return (lines) => {
    const { stdout } = process
    if (stdout.writableLength > mostWaitingBytes) {
      lost += lines.split('\n').length - 1
      return
    }
    const remark = lost === 0 ? '' : `${JSON.stringify({ lostLines: lost })}\n`
    lost = 0
    stdout.write(remark + lines)
  }
}
