// Tasks in worker threads, in each of the ways in which users load their modules.
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project that smoke.ts has installed the package into, with tsx, esbuild and TypeScript. */
interface Project {
  readonly folder: string
  readonly manifest: { readonly version: string; readonly devDependencies: Record<string, string> }
  run(command: readonly string[], cwd?: string): string
}

const programs = fileURLToPath(new URL('programs', import.meta.url))
const node = process.execPath

export function parallelChecks(project: Project): Record<string, () => void> {
  const folder = join(project.folder, 'parallel')
  const run = (...command: string[]) => project.run(command, folder)
  const tool = (path: string) => join(project.folder, 'node_modules', path)
  const bundle = (...more: string[]) =>
    run(
      tool('esbuild/bin/esbuild'),
      'program.ts',
      '--bundle',
      '--platform=node',
      '--log-level=error',
      ...more,
    )
  return {
    'tasks run uncompiled, under tsx': () => {
      cpSync(programs, folder, { recursive: true })
      expectLines(run(node, '--import', 'tsx', 'program.ts'), 'program.ts')
    },
    'tasks run compiled': () => {
      const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--types', 'node']
      run(node, tool('typescript/bin/tsc'), '--ignoreConfig', ...options, '--outDir', 'dist', 'program.ts')
      expectLines(run(node, 'dist/program.js'), 'dist/program.js')
    },
    'tasks run in a bundle': () => {
      bundle('--format=esm', '--minify', '--outfile=bundle/program.js')
      expectLines(run(node, 'bundle/program.js'), 'bundle/program.js')
    },
    'tasks run in a bundle of several files': () => {
      bundle('tasks.ts', '--format=esm', '--splitting', '--outdir=split')
      expectLines(run(node, 'split/program.js'), 'split/program.js')
    },
    'a CommonJS bundle is told that its tasks have no address': () => {
      bundle('--format=cjs', '--outfile=bundle/program.cjs')
      const complaint = failureOf(() => run(node, 'bundle/program.cjs'))
      if (!complaint.includes('ArgumentError: task() needs the address of its module'))
        throw new Error(`it said\n${complaint}`)
    },
    'tasks run under Vitest without tsx': () => underVitest(project),
  }
}

/** In a project of its own, where no tsx is to be found. */
function underVitest({ folder, manifest, run }: Project): void {
  const project = mkdtempSync(join(tmpdir(), 'sluice-vitest-'))
  try {
    cpSync(programs, project, { recursive: true })
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n')
    const packed = join(folder, `sluice-${manifest.version}.tgz`)
    const tools = [packed, `vitest@${manifest.devDependencies['vitest']}`]
    run(['npm', 'install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', ...tools], project)
    if (readdirSync(join(project, 'node_modules')).includes('tsx'))
      throw new Error('Vitest brings tsx: this shows nothing')
    for (const pool of ['forks', 'threads']) {
      const output = run([node, 'node_modules/vitest/vitest.mjs', 'run', '--pool', pool], project)
      if (!/Tests\b.*3 passed/.test(output) || /close timed out|hanging/.test(output)) throw new Error(output)
    }
  } finally {
    rmSync(project, { recursive: true })
  }
}

function expectLines(output: string, file: string): void {
  const promised = [
    /^Big elsewhere$/,
    /^slept$/,
    /^1$/,
    /^2$/,
    /^3$/,
    new RegExp(`^task 'onlyHere' was not defined when file:\\S*/${file} was loaded in a worker`),
    /args\[0\] cannot go to another thread: it is a URL; pass url\.href$/,
  ]
  const lines = output.trimEnd().split('\n')
  if (lines.length !== promised.length || !promised.every((line, i) => line.test(lines[i] ?? '')))
    throw new Error(`it printed\n${output}\nand not\n${promised.join('\n')}`)
}

function failureOf(act: () => void): string {
  try {
    act()
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error) // execFileSync adds it
  }
  throw new Error('it did not fail')
}
