import type { HttpRequest } from './request.js'

/** How often the call has been made before: see `previousAttempts`. Source: gRFC A6, where it is `grpc-previous-rpc-attempts`. */
export const attemptsField = 'X-Previous-Attempts'

/** What a request says of it; 0 where it says nothing that can be understood. */
export function givenAttempts(req: Pick<HttpRequest, 'header'>): number {
  const value = req.header(attemptsField)
  return value !== undefined && /^\d{1,4}$/.test(value) ? Number(value) : 0
}
