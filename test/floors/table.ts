/** The floors of the house, as data: what each folder of src may import. ARCHITECTURE.md shows the same table. */

/** A file imports its own folder and folders on lower floors; folders on one floor do not know each other. */
export const floors: readonly (readonly string[])[] = [
  ['runtime'],
  ['context', 'sync', 'flow', 'testing'],
  ['parallel'],
  ['net', 'resilience'],
  ['http'],
  ['observe'],
  ['discovery', 'rpc', 'queue', 'store'],
  ['load', 'debug'],
  ['cli'],
]

/** `src/*.ts`, the main door: it stands on floor 1, so that `import 'sluice'` loads no more than the language part. */
export const mainDoor = { folder: 'main', floor: 1.5 } as const

/** Folders beside the house: they import nothing from it and nothing in it imports them. */
export const detached: readonly string[] = ['eslint']

/** Floors that also run where there is no Node. */
export const hostFreeUpTo = 1

/** The only files that may speak of the host's timers. */
export const timerFiles: readonly string[] = [
  'runtime/clock.ts',
  'runtime/host.ts',
  'runtime/scheduler.ts',
  'runtime/timers.ts',
]
