import { ArgumentError } from '../runtime/errors.js'

/** What has no defaults needs options. @throws ArgumentError if there are none, which only JavaScript lets pass. */
export function checkGiven(maker: string, options: unknown): void {
  if (typeof options === 'object' && options !== null) return
  throw new ArgumentError(`${maker}() needs an object of options, not ${String(options)}`)
}
