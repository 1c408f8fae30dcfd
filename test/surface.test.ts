import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { surfaceOf } from './surface/declarations.js'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
const manifest: { exports: Record<string, unknown> } = JSON.parse(
  readFileSync(`${root}/package.json`, 'utf8'),
)

/** `.` and `./sync` of the package's exports, as files of src. */
const doors = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => (name === '.' ? 'index.ts' : `${name.slice(2)}/index.ts`))

describe('the public surface', () => {
  const built = doors.filter((door) => existsSync(`${root}/src/${door}`))
  const { text, faults } = surfaceOf(root, built)

  it.each(built)('of %s is the one on record', async (door) => {
    const name = door === 'index.ts' ? 'sluice' : `sluice-${door.replace('/index.ts', '')}`
    await expect(text.get(door)).toMatchFileSnapshot(`surface/${name}.txt`)
  })

  it('compiles for users who check declarations, without what is internal', () => {
    expect(faults).toEqual([])
  })

  it.each(built)('of %s says a type for everything', (door) => {
    expect(text.get(door)).not.toMatch(/: any\b/)
  })
})
