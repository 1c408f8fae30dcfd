import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

function codesIn(text: string): Set<string> {
  return new Set(text.match(/ERR_SLUICE_[A-Z_]+/g) ?? [])
}

describe('docs/reference/errors.md', () => {
  it('lists exactly the codes that exist', () => {
    const files = readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('.ts') && !/\.test(-d)?\.ts$/.test(path),
    )
    const existing = files.flatMap((path) => [...codesIn(readFileSync(`${root}/src/${path}`, 'utf8'))])
    const listed = codesIn(readFileSync(`${root}/docs/reference/errors.md`, 'utf8'))
    expect([...listed].sort()).toEqual([...new Set(existing)].sort())
  })
})
