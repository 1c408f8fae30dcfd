import ts from 'typescript'
import { type Block, moduleOf } from './blocks.js'

/** Type-checks all blocks in one program, as files of the checkout; the complaints of each, by its place. */
export function typeFaults(root: string, blocks: readonly Block[]): Map<string, string[]> {
  const files = new Map(blocks.map((block) => [`${root}/${block.place.replaceAll(/[/:]/g, '-')}.ts`, block]))
  const options = projectOptions(root)
  const program = ts.createProgram({ rootNames: [...files.keys()], options, host: hostWith(files, options) })
  return new Map(
    [...files].map(([path, block]) => {
      const file = program.getSourceFile(path)
      const found = file === undefined ? [] : ts.getPreEmitDiagnostics(program, file)
      return [block.place, found.map((fault) => sentence(block, fault))]
    }),
  )
}

function projectOptions(root: string): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile)
  return ts.parseJsonConfigFileContent(config, ts.sys, root).options
}

function hostWith(files: ReadonlyMap<string, Block>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options, true)
  const { fileExists, getSourceFile } = host
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.getSourceFile = (path, language) => {
    const block = files.get(path)
    if (block === undefined) return getSourceFile(path, language)
    return ts.createSourceFile(path, moduleOf(block.code), language, true)
  }
  return host
}

function sentence(block: Block, { file, start = 0, messageText }: ts.Diagnostic): string {
  const line = block.line + (file?.getLineAndCharacterOfPosition(start).line ?? 0)
  return `${block.page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
}
