import type { Import, Source } from './sources.js'
import { detached, floors, hostFreeUpTo, mainDoor, timerFiles } from './table.js'

/** Everything in `sources` that the floors forbid, a sentence each. */
export function violations(sources: readonly Source[]): string[] {
  return [
    ...new Set(sources.filter(isHomeless).map(({ path }) => homeless(folderOf(path)))),
    ...sources.flatMap((source) => source.imports.flatMap((edge) => importFault(source, edge) ?? [])),
    ...sources.flatMap(timerFaults),
    ...circles(sources),
  ]
}

function importFault({ path }: Source, { specifier, target, typeOnly }: Import): string | undefined {
  const inFile = `(${path} imports '${specifier}')`
  if (/^sluice(\/|$)/.test(specifier)) return `inside src one imports the file, never a door ${inFile}`
  if (target === undefined) {
    const fault = outsideFault(path, specifier, typeOnly)
    return fault === undefined ? undefined : `${fault} ${inFile}`
  }
  const from = folderOf(path)
  const to = folderOf(target)
  if (isDoor(target)) return `inside src one imports the file, never a door ${inFile}`
  if (from === to) return undefined
  const may = floorOf(from) > floorOf(to) && !detached.includes(from) && !detached.includes(to)
  return may ? undefined : `${placeOf(from)} may not import ${placeOf(to)} ${inFile}`
}

/** The language part runs without Node, and needs no package. Type-only imports of Node are erased. */
function outsideFault(path: string, specifier: string, typeOnly: boolean): string | undefined {
  const folder = folderOf(path)
  if (detached.includes(folder) || Math.floor(floorOf(folder)) > hostFreeUpTo) return undefined
  if (typeOnly && specifier.startsWith('node:')) return undefined
  return `${placeOf(folder)} may not import ${specifier}`
}

function timerFaults({ path, hostTimers }: Source): string[] {
  if (timerFiles.includes(path)) return []
  return hostTimers.map((name) => `${path} may not use ${name}: only ${timerFiles.join(', ')} may`)
}

/** Import circles between files, each told once. Erased imports within one folder may close a circle. */
function circles(sources: readonly Source[]): string[] {
  const edges = new Map(
    sources.map((source) => [source.path, source.imports.flatMap((edge) => hardEdge(source, edge))]),
  )
  const finished = new Set<string>()
  const found: string[] = []
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push(`circular import: ${[...trail.slice(start), path].join(' -> ')}`)
    if (start >= 0 || finished.has(path)) return
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path])
    finished.add(path)
  }
  for (const { path } of sources) walk(path, [])
  return found
}

function hardEdge({ path }: Source, { target, typeOnly }: Import): string[] {
  if (target === undefined || (typeOnly && folderOf(path) === folderOf(target))) return []
  return [target]
}

function isDoor(path: string): boolean {
  return /^([^/]+\/)?index\.ts$/.test(path)
}

function folderOf(path: string): string {
  const slash = path.indexOf('/')
  return slash < 0 ? mainDoor.folder : path.slice(0, slash)
}

function isHomeless({ path }: Source): boolean {
  return Number.isNaN(floorOf(folderOf(path))) && !detached.includes(folderOf(path))
}

function homeless(folder: string): string {
  return `${folder} stands on no floor: add it to test/floors/table.ts and to ARCHITECTURE.md`
}

/** NaN, which is neither above nor below anything, for a folder that the table does not hold. */
function floorOf(folder: string): number {
  if (folder === mainDoor.folder) return mainDoor.floor
  const floor = floors.findIndex((folders) => folders.includes(folder))
  return floor < 0 ? Number.NaN : floor
}

function placeOf(folder: string): string {
  if (folder === mainDoor.folder) return 'main (the main door)'
  if (detached.includes(folder)) return `${folder} (detached)`
  return `${folder} (${floorOf(folder)})`
}
