import { watchForgotten } from './forgotten.js'
import { hostProcess } from './host.js'
import { watchAsyncContext } from './locals.js'
import { recordAllSites } from './origin.js'
import { thread } from './scheduler.js'

/** The settings of `SLUICE_DEBUG`, as in `SLUICE_DEBUG=tracebacks=all,operations=all`. Source: Go's GODEBUG. */
export function debugSetting(name: string): string | undefined {
  for (const pair of (hostProcess?.env['SLUICE_DEBUG'] ?? '').split(',')) {
    const [key, value] = pair.split('=')
    if (key?.trim() === name) return value?.trim() ?? ''
  }
  return undefined
}

/** Reads the environment and starts what watches this thread, before its first goroutine. */
export function prepareThread(): void {
  thread.prepared = true
  const { NODE_ENV, VITEST } = hostProcess?.env ?? {}
  if (NODE_ENV === 'test' || VITEST !== undefined || debugSetting('tracebacks') === 'all') recordAllSites()
  watchAsyncContext()
  const operations = debugSetting('operations')
  if (operations === 'all') watchForgotten(Infinity)
  else if (operations !== 'off' && NODE_ENV !== 'production') watchForgotten(1000)
}
