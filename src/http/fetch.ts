import type { Handler } from './handler.js'
export type FetchHandler = (request: Request) => Response | Promise<Response>
export type FetchApp = FetchHandler | { fetch: FetchHandler }
export function fetchHandler(_app: FetchApp): Handler { throw new Error('not yet') }
