import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { violations } from './floors/rules.js'
import { parseSource, readSources } from './floors/sources.js'
import { floors } from './floors/table.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The violations of a house of a few files. */
function faults(files: Record<string, string>): string[] {
  return violations(Object.entries(files).map(([path, text]) => parseSource(path, text)))
}

describe('the floors of src', () => {
  it('hold: no file imports upward, sideways, a door or in a circle, and none reaches for the host', () => {
    expect(violations(readSources(`${root}src`))).toEqual([])
  })

  it('are the ones that ARCHITECTURE.md shows', () => {
    expect(shownFloors(readFileSync(`${root}ARCHITECTURE.md`, 'utf8'))).toEqual(
      floors.map((folders) => [...folders].sort()),
    )
  })
})

describe('the checker of floors', () => {
  it('allows an import of a lower floor and of the own folder', () => {
    const files = {
      'http/server.ts': `import { Mutex } from '../sync/mutex.js'\nexport * from './router.js'`,
      'http/router.ts': '',
      'sync/mutex.ts': `import { WaitList } from '../runtime/wait-list.js'`,
    }
    expect(faults(files)).toEqual([])
  })

  it('refuses an import of a higher floor', () => {
    expect(faults({ 'http/server.ts': `import { plan } from '../load/plan.js'` })).toEqual([
      "http (4) may not import load (7) (http/server.ts imports '../load/plan.js')",
    ])
  })

  it.each([
    ['a re-export', `export { plan } from '../load/plan.js'`],
    ['a type', `import type { Plan } from '../load/plan.js'`],
    ['a type in place', `export type P = import('../load/plan.js').Plan`],
    ['a dynamic import', `await import('../load/plan.js')`],
  ])('sees %s', (_, text) => {
    expect(faults({ 'http/server.ts': text })).toHaveLength(1)
  })

  it('refuses an import between folders of one floor', () => {
    expect(faults({ 'sync/group.ts': `import { withCancel } from '../context/context.js'` })).toEqual([
      "sync (1) may not import context (1) (sync/group.ts imports '../context/context.js')",
    ])
  })

  it('refuses a folder that stands on no floor', () => {
    expect(faults({ 'util/strings.ts': '' })).toEqual([
      'util stands on no floor: add it to test/floors/table.ts and to ARCHITECTURE.md',
    ])
  })

  it.each([
    ['by its path', '../sync/index.js'],
    ['by its path, the main one', '../index.js'],
    ['by its name', 'sluice/sync'],
  ])('refuses a door %s', (_, door) => {
    expect(faults({ 'cli/main.ts': `import { x } from '${door}'` })).toEqual([
      `inside src one imports the file, never a door (cli/main.ts imports '${door}')`,
    ])
  })

  it('puts the main door between floors 1 and 2', () => {
    expect(faults({ 'index.ts': `export * from './main.js'\nexport * from './runtime/chan.js'` })).toEqual([])
    expect(faults({ 'main.ts': `import { task } from './parallel/task.js'` })).toEqual([
      "main (the main door) may not import parallel (2) (main.ts imports './parallel/task.js')",
    ])
    expect(faults({ 'context/signal.ts': `import { main } from '../main.js'` })).toEqual([
      "context (1) may not import main (the main door) (context/signal.ts imports '../main.js')",
    ])
  })

  it('lets detached folders import nothing of the house, and be imported by nobody', () => {
    expect(faults({ 'eslint/rule.ts': `import { chan } from '../runtime/chan.js'` })).toHaveLength(1)
    expect(faults({ 'cli/lint.ts': `import { rule } from '../eslint/rule.js'` })).toHaveLength(1)
    expect(faults({ 'eslint/rule.ts': `import { Rule } from 'eslint'` })).toEqual([])
  })

  it('refuses a circle of files', () => {
    const files = {
      'sync/a.ts': `import { b } from './b.js'`,
      'sync/b.ts': `import { c } from './c.js'`,
      'sync/c.ts': `import { a } from './a.js'`,
    }
    expect(faults(files)).toEqual(['circular import: sync/a.ts -> sync/b.ts -> sync/c.ts -> sync/a.ts'])
  })

  it('allows a circle that types close within a folder', () => {
    const files = {
      'sync/a.ts': `import { b } from './b.js'`,
      'sync/b.ts': `import type { A } from './a.js'`,
    }
    expect(faults(files)).toEqual([])
  })

  it('refuses Node and packages on floors 0 and 1, but for types of Node', () => {
    const text = `import { readFileSync } from 'node:fs'\nimport type { Socket } from 'node:net'`
    expect(faults({ 'sync/mutex.ts': text })).toEqual([
      "sync (1) may not import node:fs (sync/mutex.ts imports 'node:fs')",
    ])
    expect(faults({ 'runtime/chan.ts': `import type { X } from 'lodash'` })).toHaveLength(1)
    expect(faults({ 'net/listener.ts': text })).toEqual([])
  })

  it.each(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'])(
    'refuses %s outside the clockwork',
    (name) => {
      expect(faults({ 'sync/mutex.ts': `globalThis.${name}(() => {})` })).toHaveLength(1)
      expect(faults({ 'sync/mutex.ts': `// not ${name}\nconst text = '${name}'` })).toEqual([])
      expect(faults({ 'runtime/clock.ts': `${name}(() => {})` })).toEqual([])
    },
  )
})

/** The folders of each row `| 3 | net/, resilience/ | …` of the section on floors, from floor 0 up. */
function shownFloors(text: string): string[][] {
  const section = text.match(/^## The floors$.*?(?=^## )/ms)?.[0] ?? ''
  const rows = [...section.matchAll(/^\| (\d) +\| ([^|]+)\|/gm)]
  const shown: string[][] = []
  for (const [, floor, folders] of rows) shown[Number(floor)] = foldersIn(folders ?? '')
  return shown
}

function foldersIn(cell: string): string[] {
  return [...cell.matchAll(/([a-z]+)\//g)].flatMap(([, folder]) => folder ?? []).sort()
}
