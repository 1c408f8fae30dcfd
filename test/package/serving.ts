// Servers in an empty project: compiled and uncompiled, on several threads, which load their module by themselves.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project that smoke.ts has installed the package into, with tsx and TypeScript. */
interface Project {
  readonly folder: string
  run(command: readonly string[], cwd?: string): string
}

const programs = fileURLToPath(new URL('serving', import.meta.url))
const node = process.execPath

export function servingChecks(project: Project): Record<string, () => void> {
  const folder = join(project.folder, 'serving')
  const run = (...command: string[]) => project.run(command, folder)
  return {
    'servers on two threads run uncompiled, under tsx': () => {
      cpSync(programs, folder, { recursive: true })
      expectAnswers(run(node, '--import', 'tsx', 'server.ts'))
    },
    // The declarations of the package are checked too: none may speak of what it has bundled.
    'they run compiled': () => {
      const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--types', 'node']
      const compiler = join(project.folder, 'node_modules/typescript/bin/tsc')
      run(node, compiler, '--ignoreConfig', ...options, '--outDir', 'dist', 'server.ts')
      expectAnswers(run(node, 'dist/server.js'))
    },
  }
}

function expectAnswers(output: string): void {
  if (output.trim() !== '{"hello":"WORLD"}\nhello 2\nclosed') throw new Error(`it printed\n${output}`)
}
