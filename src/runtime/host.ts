/** The host below the runtime: Node, and as far as it goes Deno or a browser. No module is imported for it. */

interface HostProcess {
  readonly env: Record<string, string | undefined>
  readonly stderr: { write(text: string): void }
  exit(code: number): void
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
  listenerCount(event: string): number
  getBuiltinModule?(name: string): unknown
}

/** Node's `process`; `undefined` elsewhere. */
export const hostProcess = (globalThis as { process?: HostProcess }).process

/** Calls `callback` when the event loop has had its turn. */
export const later: (callback: () => void) => void =
  typeof setImmediate === 'function'
    ? (callback) => setImmediate(callback)
    : (callback) => setTimeout(callback, 0)

/** A module of the host, where it has one; loaded when it is asked for. */
export function builtin<M>(name: string): M | undefined {
  return hostProcess?.getBuiltinModule?.(name) as M | undefined
}

/** Writes to standard error, at once. */
export function complain(text: string): void {
  if (hostProcess === undefined) console.error(text)
  else hostProcess.stderr.write(`${text}\n`)
}
