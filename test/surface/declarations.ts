import ts from 'typescript'

export interface Surface {
  /** By door. */
  readonly text: ReadonlyMap<string, string>
  /** What the compiler tells a user who checks the declarations of packages. */
  readonly faults: readonly string[]
}

/**
 * What a door lets out, as text: each name with its declaration as a user's compiler sees it,
 * internal members stripped, in alphabetical order.
 */
export function surfaceOf(root: string, doors: readonly string[]): Surface {
  const declared = declarationProgram(root, doors)
  const checker = declared.getTypeChecker()
  const text = new Map(
    doors.map((door) => [
      door,
      exportsOf(declared, checker, `${root}/src/${door.replace(/\.ts$/, '.d.ts')}`),
    ]),
  )
  const faults = declared.getRootFileNames().flatMap((path) => faultsOf(declared, path))
  return { text, faults }
}

function faultsOf(program: ts.Program, path: string): string[] {
  return program
    .getSemanticDiagnostics(program.getSourceFile(path))
    .map(
      ({ messageText }) =>
        `${path.slice(path.lastIndexOf('/src/') + 1)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    )
}

/** The `.d.ts` files of the build, made in memory and read back as a program. */
function declarationProgram(root: string, doors: readonly string[]): ts.Program {
  const options = buildOptions(root)
  const files = new Map<string, string>()
  ts.createProgram(
    doors.map((door) => `${root}/src/${door}`),
    options,
  ).emit(undefined, (path, text) => files.set(path, text), undefined, true)

  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  // The sources must not be seen, or they would win over their declarations.
  host.fileExists = (path) => (path.startsWith(`${root}/src/`) ? files.has(path) : fileExists(path))
  host.readFile = (path) => files.get(path) ?? readFile(path)
  host.getSourceFile = (path, language) => {
    const text = host.readFile(path)
    return text === undefined ? undefined : ts.createSourceFile(path, text, language, true)
  }
  return ts.createProgram({ rootNames: [...files.keys()], options, host })
}

function buildOptions(root: string): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${root}/tsconfig.build.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  // Declarations land beside the sources, so that one program can be read where the other was.
  return {
    ...options,
    outDir: `${root}/src`,
    declarationMap: false,
    noEmitOnError: false,
    skipLibCheck: false,
  }
}

function exportsOf(program: ts.Program, checker: ts.TypeChecker, path: string): string {
  const door = program.getSourceFile(path)
  const module = door && checker.getSymbolAtLocation(door)
  if (module === undefined) return ''
  return checker
    .getExportsOfModule(module)
    .map((symbol) => ({ name: symbol.name, text: declarationText(checker, symbol) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, text }) => `${name}\n${text.replace(/^/gm, '  ')}\n`)
    .join('\n')
}

function declarationText(checker: ts.TypeChecker, symbol: ts.Symbol): string {
  const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const statements = (meant.declarations ?? []).map((declaration) => printed(statementOf(declaration)))
  return [...new Set(statements)].join('\n')
}

/** For a constant, the statement around it, which says `const`. */
function statementOf(declaration: ts.Declaration): ts.Node {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
}

function printed(node: ts.Node): string {
  return ts
    .createPrinter({ removeComments: true })
    .printNode(ts.EmitHint.Unspecified, node, node.getSourceFile())
}
