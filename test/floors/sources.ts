import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'

/** A file of src, by its path from there: `sync/mutex.ts`. */
export interface Source {
  readonly path: string
  readonly imports: readonly Import[]
  /** Host timers that it names, other than in comments and strings. */
  readonly hostTimers: readonly string[]
}

export interface Import {
  /** As written: `../runtime/chan.js`, `node:fs`. */
  readonly specifier: string
  /** The file of src that it means; `undefined` for what is not a relative path. */
  readonly target: string | undefined
  /** Whether the compiler erases it. */
  readonly typeOnly: boolean
}

const hostTimers = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'])

/** Every file of `folder` that is part of the product; tests enter by the doors, and are not. */
export function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/\.(test|test-d|contract)\.ts$/.test(path))
    .sort()
    .map((path) => parseSource(path, readFileSync(posix.join(folder, path), 'utf8')))
}

export function parseSource(path: string, text: string): Source {
  const imports: Import[] = []
  const timers = new Set<string>()
  const visit = (node: ts.Node): void => {
    const found = importOf(node)
    if (found !== undefined) imports.push({ ...found, target: targetOf(path, found.specifier) })
    if (ts.isIdentifier(node) && hostTimers.has(node.text)) timers.add(node.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest))
  return { path, imports, hostTimers: [...timers] }
}

function importOf(node: ts.Node): Omit<Import, 'target'> | undefined {
  if (ts.isImportDeclaration(node)) {
    const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    return { specifier: textOf(node.moduleSpecifier), typeOnly }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    return { specifier: textOf(node.moduleSpecifier), typeOnly: node.isTypeOnly }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { specifier: textOf(node.argument.literal), typeOnly: true }
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { specifier: textOf(node.arguments[0]), typeOnly: false }
  }
  return undefined
}

function textOf(literal: ts.Node | undefined): string {
  return literal !== undefined && ts.isStringLiteralLike(literal) ? literal.text : '(computed)'
}

function targetOf(importer: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return posix.join(posix.dirname(importer), specifier).replace(/\.js$/, '.ts')
}
