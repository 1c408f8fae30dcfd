import { existsSync, readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

/** A ```ts block of a page. */
export interface Block {
  /** Where it starts: `docs/guide/channels.md:12`. */
  readonly place: string
  readonly page: string
  /** The line of the page that its first line is. */
  readonly line: number
  readonly code: string
  /** What it says that it prints; `undefined` when it makes no claim, and need not run. */
  readonly prints: readonly string[] | undefined
}

/** README.md and every page below docs/, by their paths from `root`. */
export function pages(root: string): string[] {
  const docs = existsSync(`${root}/docs`)
    ? readdirSync(`${root}/docs`, { recursive: true, encoding: 'utf8' }).map((path) => `docs/${path}`)
    : []
  return ['README.md', ...docs.sort()].filter((path) => path.endsWith('.md') && existsSync(`${root}/${path}`))
}

export function blocksOf(root: string, page: string): Block[] {
  return parseBlocks(page, readFileSync(`${root}/${page}`, 'utf8'))
}

export function parseBlocks(page: string, text: string): Block[] {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length + 1
    const code = match[1] ?? ''
    return { place: `${page}:${line}`, page, line, code, prints: claimsOf(code) }
  })
}

/** The lines that `// =>` and `// prints:` promise, in the order in which they stand. */
function claimsOf(code: string): string[] | undefined {
  const claims: string[] = []
  let listing = false
  for (const line of code.split('\n')) {
    const comment = line.match(/^\s*\/\/ ?(.*)$/)?.[1]
    listing = comment !== undefined && (listing || comment === 'prints:')
    const claim = listing ? comment : line.match(/\/\/ => (.*)$/)?.[1]
    if (claim !== undefined && claim !== 'prints:') claims.push(claim)
  }
  return claims.length === 0 ? undefined : claims
}

/**
 * The block as a module whose lines are the block's. One that yields outside any function is a piece
 * of a goroutine's body: it is wrapped into `run`.
 */
export function moduleOf(code: string): string {
  const file = ts.createSourceFile('block.ts', code, ts.ScriptTarget.Latest, true)
  if (!yieldsOutside(file)) return `${code}\nexport {}\n`
  const imports = file.statements.filter((statement) => ts.isImportDeclaration(statement))
  const bodyStart = imports.at(-1)?.end ?? 0
  const body = code.slice(bodyStart)
  return `import { run as runBlock } from 'sluice';${code.slice(0, bodyStart)};await runBlock(function* () {${body}\n})\n`
}

/** Outside a generator `yield` is no keyword, so that it parses as a name. */
function yieldsOutside(node: ts.Node): boolean {
  if (ts.isFunctionLike(node)) return false
  if (ts.isYieldExpression(node) || (ts.isIdentifier(node) && node.text === 'yield')) return true
  return ts.forEachChild(node, yieldsOutside) ?? false
}
