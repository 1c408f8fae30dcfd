import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileSource } from './file-source.js'
import type { RulesEvent } from './rules-change.js'
import { type Rules, rules } from './rules.js'

let folder: string
let open: Rules[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rules-'))
  open = []
})
afterEach(() => {
  for (const each of open) each.close()
  rmSync(folder, { recursive: true })
})

async function rulesOf(path: string): Promise<Rules> {
  const all = await rules(path)
  open.push(all)
  return all
}

/** What happens to the rules next. */
function next(all: Rules): Promise<RulesEvent> {
  return new Promise((resolve) => {
    const watched = all.watch((event) => {
      watched[Symbol.dispose]()
      resolve(event)
    })
  })
}

const limit = (n: number) => ({ a: { bulkhead: { limit: n } } })

describe('a file of rules', () => {
  it.each(['rules.json', 'rules.yaml', 'rules.yml', 'RULES.JSON'])('is read: %s', async (name) => {
    const path = join(folder, name)
    writeFileSync(path, '{ "a": { "bulkhead": { "limit": 1 } } }')
    const all = await rulesOf(path)
    expect(all.document).toEqual(limit(1))
    expect(all).toMatchObject({ version: 1, source: path })
  })

  it('applies within a second of a change', async () => {
    const path = join(folder, 'rules.json')
    writeFileSync(path, JSON.stringify(limit(1)))
    const all = await rulesOf(path)
    const began = performance.now()
    const changed = next(all)
    writeFileSync(path, JSON.stringify(limit(2)))
    expect(await changed).toMatchObject({ what: 'changed', version: { version: 2, by: path } })
    expect(performance.now() - began).toBeLessThan(1000)
    expect(all.document).toEqual(limit(2))
  })

  it('is seen to change by an editor that puts another file in its place, again and again', async () => {
    const path = join(folder, 'rules.json')
    writeFileSync(path, JSON.stringify(limit(1)))
    const all = await rulesOf(path)
    for (const n of [2, 3]) {
      const changed = next(all)
      renameSync(path, `${path}~`)
      writeFileSync(`${path}.new`, JSON.stringify(limit(n)))
      renameSync(`${path}.new`, path)
      expect(await changed).toMatchObject({ what: 'changed' })
      expect(all.document).toEqual(limit(n))
    }
  })

  it('is seen to change when a link on the way to it is, as Kubernetes does with a ConfigMap', async () => {
    for (const n of [1, 2]) {
      mkdirSync(join(folder, `..${n}`))
      writeFileSync(join(folder, `..${n}`, 'rules.yaml'), JSON.stringify(limit(n)))
    }
    symlinkSync('..1', join(folder, '..data'))
    symlinkSync(join('..data', 'rules.yaml'), join(folder, 'rules.yaml'))
    const all = await rulesOf(join(folder, 'rules.yaml'))
    const changed = next(all)
    symlinkSync('..2', join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    rmSync(join(folder, '..1'), { recursive: true })
    await changed
    expect(all.document).toEqual(limit(2))
  })

  it('is not believed while it is half written, or away', async () => {
    const path = join(folder, 'rules.yaml')
    writeFileSync(path, 'a:\n  bulkhead: { limit: 1 }\n')
    const all = await rulesOf(path)
    for (const [text, message] of [
      ['', 'must be an object of resources, not null'],
      ['a:\n  bulkhead: { lim', 'is no YAML'],
      ['a:\n  bulkhead:', '/a/bulkhead: must be an object of options, not null'],
      [undefined, 'cannot be read: ENOENT'],
    ] as const) {
      const refused = next(all)
      if (text === undefined) unlinkSync(path)
      else writeFileSync(path, text)
      expect(String(((await refused) as { error?: unknown }).error)).toContain(message)
      expect(all.document).toEqual(limit(1))
    }
    const changed = next(all)
    writeFileSync(path, 'a:\n  bulkhead: { limit: 2 }\n')
    await changed
    expect(all.document).toEqual(limit(2))
    expect(all.lastError).toBe(undefined)
  })

  it('is read once it is quiet, not in the middle of being written', async () => {
    const path = join(folder, 'rules.json')
    writeFileSync(path, '{}')
    const all = await rulesOf(path)
    const told: RulesEvent[] = []
    all.watch((event) => told.push(event))
    const changed = next(all)
    writeFileSync(path, '{ "a": {')
    const { watchFile, unwatchFile } = await import('node:fs')
    // The rest comes once the first part has been seen.
    await new Promise<void>((resolve) => watchFile(path, { interval: 20 }, () => resolve()))
    unwatchFile(path)
    writeFileSync(path, JSON.stringify(limit(3)))
    await changed
    expect(told).toMatchObject([{ what: 'changed' }])
  })

  it.each([
    ['rules.json', '{"a": {"breaker": {}}, "b": {}, "a": {}}', '/a: is there twice'],
    ['rules.json', '{"b": [1, {}, {"x": {}, "y,\\"": {"z": 1, "z": 2}}]}', '/b/2/y,"/z: is there twice'],
    ['rules.yaml', 'a: {}\na: {}\n', 'is no YAML: Map keys must be unique'],
    ['rules.json', '{"a": ', 'is no JSON'],
    ['rules.json', '{"__proto__": {}}', '/__proto__: is not allowed'],
    ['rules.yaml', '__proto__: {}', '/__proto__: is not allowed'],
    ['rules.yaml', 'a: { timeout: { ms: .inf } }', '/a/timeout/ms: must be a finite number, not Infinity'],
    [
      'rules.yaml',
      `a: &a [x, x]\nb: &b [*a, *a]\nc: [${'*b, '.repeat(99)} *b]`,
      'is no YAML: Excessive alias count',
    ],
    ['rules.json', '['.repeat(100_000), 'is no JSON'],
    ['rules.yaml', '['.repeat(100_000), 'is no YAML'],
    ['rules.json', `"${'x'.repeat(1024 * 1024)}"`, 'is longer than 1048576 bytes'],
    ['rules.yaml', '--- {}\n--- {}\n', 'is no YAML'],
  ])('is refused at first, with what is wrong: %s %.40s', async (name, text, message) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    await expect(rules(path)).rejects.toThrow(message)
  })

  it('has to be there, and to be of a kind that can be read', async () => {
    await expect(rules(join(folder, 'none.json'))).rejects.toMatchObject({
      code: 'ERR_SLUICE_RULES',
      reason: 'unreadable',
    })
    expect(() => rules('rules.toml')).toThrow('reads a .json, .yaml or .yml file')
  })
})

describe('a file of rules that is written', () => {
  it('is the new one wholly or the old one, with the rights that it had, and behind a link that stays', async () => {
    mkdirSync(join(folder, 'real'))
    const real = join(folder, 'real', 'r.json')
    writeFileSync(real, '{}', { mode: 0o640 })
    const path = join(folder, 'rules.json')
    symlinkSync(real, path)
    const before = statSync(real).ino
    const all = await rulesOf(path)
    await all.replace(limit(1))
    expect(JSON.parse(readFileSync(real, 'utf8'))).toEqual(limit(1))
    expect(statSync(real).mode & 0o777).toBe(0o640)
    expect(statSync(real).ino).not.toBe(before)
    expect(readdirSync(join(folder, 'real'))).toEqual(['r.json'])
    const changed = next(all)
    writeFileSync(real, JSON.stringify(limit(2)))
    await changed
    expect(all.version).toBe(3) // the echo of what was written was none
  })

  it('keeps the comments and the form of YAML beside what has changed', async () => {
    const path = join(folder, 'rules.yaml')
    writeFileSync(
      path,
      '# limits of the shop\norders:\n  # as agreed with the warehouse\n  tokenBucket: { rate: 10, burst: 5 } # a second\n  breaker: {}\n\npayments:\n  timeout: { ms: 100 }\n',
    )
    const all = await rulesOf(path)
    await all.patch({
      orders: { tokenBucket: { rate: 20 }, breaker: null },
      search: { hedge: { delayMs: 50 } },
    })
    expect(readFileSync(path, 'utf8')).toBe(
      '# limits of the shop\norders:\n  # as agreed with the warehouse\n  tokenBucket: { rate: 20, burst: 5 } # a second\n\npayments:\n  timeout: { ms: 100 }\nsearch:\n  hedge:\n    delayMs: 50\n',
    )
  })

  it.each([
    [
      'an alias stands for what changes',
      'a: &a { bulkhead: { limit: 5 } }\nb: *a\n',
      { a: { bulkhead: { limit: 6 } } },
    ],
    [
      'what changes is an alias',
      'a: &a { bulkhead: { limit: 5 } }\nb: *a\n',
      { b: { bulkhead: { limit: 6 } } },
    ],
    ['a name is a number', '1: { bulkhead: { limit: 5 } }\n', { 1: { bulkhead: { limit: 6 } } }],
    ['there is nothing yet', '{}\n', limit(1)],
  ])('says what is in force, also where %s', async (_, text, patch) => {
    const path = join(folder, 'rules.yaml')
    writeFileSync(path, text)
    const all = await rulesOf(path)
    await all.patch(patch)
    expect(await fileSource(path).read()).toEqual(JSON.parse(JSON.stringify(all.document)))
  })

  it('takes the place of one that is broken', async () => {
    const path = join(folder, 'rules.yaml')
    writeFileSync(path, '{}')
    const all = await rulesOf(path)
    writeFileSync(path, 'a: [')
    await all.replace(limit(4))
    expect(await fileSource(path).read()).toEqual(limit(4))
    expect(all).toMatchObject({ version: 2, lastError: undefined })
  })

  it('changes nothing if it cannot be written', async () => {
    const path = join(folder, 'rules.json')
    writeFileSync(path, '{}')
    const all = await rulesOf(path)
    unlinkSync(path)
    await expect(all.replace(limit(1))).rejects.toMatchObject({ reason: 'unwritable' })
    expect(all.document).toEqual({})
  })
})
