import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Block, blocksOf, moduleOf, pages, parseBlocks } from './docs/blocks.js'
import { typeFaults } from './docs/check.js'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
const blocks = pages(root).flatMap((page) => blocksOf(root, page))
// Inside the checkout, so that the blocks find the packages that they import.
const workshop = join(root, `.docs-${process.pid}`)

beforeAll(() => mkdirSync(workshop))
afterAll(() => rmSync(workshop, { recursive: true }))

/** Runs the block as a program of its own, on the sources, and gives what it wrote to standard output. */
async function output(block: Block): Promise<string[]> {
  const file = join(workshop, `${block.place.replaceAll(/[/:]/g, '-')}.ts`)
  writeFileSync(file, moduleOf(block.code))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file], { cwd: root })
  return stdout.trimEnd().split('\n')
}

describe('the pages', () => {
  const faults = typeFaults(root, blocks)

  it.each(blocks.map(({ place }) => place))('%s compiles', (place) => {
    expect(faults.get(place)).toEqual([])
  })

  const promises = blocks.filter(({ prints }) => prints !== undefined)
  it.concurrent.each(promises.map((block) => [block.place, block] as const))(
    '%s prints what it says',
    async (_, block) => {
      expect(await output(block)).toEqual(block.prints)
    },
  )

  const guides = ['ARCHITECTURE.md', 'CONTRIBUTING.md', ...pages(root)].filter((page) =>
    existsSync(join(root, page)),
  )
  it.each(guides)('%s links to files that exist', (page) => {
    const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '')
    const targets = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(
      ([, target]) => target ?? '',
    )
    const missing = targets.filter((target) => !existsSync(join(root, dirname(page), target)))
    expect(missing).toEqual([])
  })
})

describe('the reader of blocks', () => {
  const example: Block | undefined = parseBlocks(
    'page.md',
    [
      'Words.',
      '```ts',
      'console.log(1 + 1) // => 2',
      "for (const x of [3, 4]) console.log('got', x)",
      '// prints:',
      '// got 3',
      '// got 4',
      '```',
      '```sh',
      'npm test',
      '```',
    ].join('\n'),
  )[0]

  it('finds where a block starts, and what it promises', () => {
    expect(example).toMatchObject({ place: 'page.md:3', prints: ['2', 'got 3', 'got 4'] })
  })

  it('runs a block as a program', async () => {
    expect(example && (await output(example))).toEqual(['2', 'got 3', 'got 4'])
  })

  it('reports a type error by the line of the page', () => {
    const [wrong] = parseBlocks('page.md', '\n\n```ts\nconst a = 1\nconst b: string = a\n```\n')
    expect(wrong && typeFaults(root, [wrong]).get('page.md:4')).toEqual([
      "page.md:5: Type 'number' is not assignable to type 'string'.",
    ])
  })

  it('wraps a piece of a goroutine, keeping its lines', () => {
    const wrapped = moduleOf("import { sleep } from 'sluice'\nyield* sleep(1)")
    expect(wrapped.split('\n')[1]).toBe('yield* sleep(1)')
    expect(wrapped).toContain('runBlock(function* () {')
    expect(moduleOf('function* f() { yield 1 }')).not.toContain('runBlock')
  })
})
