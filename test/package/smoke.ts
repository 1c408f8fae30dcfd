// Packs the package and uses it as a stranger would: an empty project, npm install, tsc, node, tsx.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { blocksOf, moduleOf } from '../docs/blocks.js'
import { parallelChecks } from './parallel.js'
import { servingChecks } from './serving.js'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const project = mkdtempSync(join(tmpdir(), 'sluice-package-'))
const installed = join(project, 'node_modules/sluice')

const checks: Record<string, () => void> = {
  'the package packs': pack,
  'it installs into an empty project': install,
  'it brings nothing else along': bringsNothing,
  'every door and command that it names is there': namesWhatIsThere,
  'every door loads under plain node': doorsLoad,
  "the README's first example compiles": () => compile('typescript'),
  'it compiles with the native TypeScript, which reads the same declarations': () =>
    compile('typescript-native'),
  'compiled, it runs under plain node': () => runs([process.execPath, 'dist/index.js']),
  'uncompiled, it runs under tsx': () => runs([process.execPath, '--import', 'tsx', 'index.ts']),
  'the command starts': commandStarts,
  ...parallelChecks({ folder: project, manifest, run }),
  ...servingChecks({ folder: project, run }),
}

let failed = 0
for (const [name, check] of Object.entries(checks)) {
  try {
    check()
    console.log(`ok   ${name}`)
  } catch (error) {
    failed++
    console.log(`FAIL ${name}\n${complaintOf(error).replace(/^/gm, '     ')}`)
  }
}
rmSync(project, { recursive: true })
process.exitCode = failed === 0 ? 0 : 1

function pack(): void {
  run(['npm', 'pack', '--silent', '--pack-destination', project], root)
}

function install(): void {
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n')
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      // Not skipLibCheck: the package's declarations must hold for a user who checks them.
      compilerOptions: {
        target: 'ES2022',
        module: 'nodenext',
        strict: true,
        types: ['node'],
        outDir: 'dist',
      },
      files: ['index.ts'],
    }),
  )
  writeFileSync(join(project, 'index.ts'), moduleOf(example().code))
  const { esbuild, typescript, tsx, '@types/node': nodeTypes } = manifest.devDependencies
  run(['npm', 'install', '--silent', '--no-audit', '--no-fund', `./sluice-${manifest.version}.tgz`])
  const tools = [`tsx@${tsx}`, `esbuild@${esbuild}`, `@types/node@${nodeTypes}`]
  const compilers = [`typescript@${typescript}`, 'typescript-native@npm:typescript@7.0.2']
  run(['npm', 'install', '--silent', '--no-audit', '--no-fund', '-D', ...tools, ...compilers])
}

function bringsNothing(): void {
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))
  const brought: string[] = Object.entries<{ dev?: boolean }>(lock.packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path]) => path)
  if (brought.join() !== 'node_modules/sluice') throw new Error(`installed: ${brought.join(', ')}`)
}

function namesWhatIsThere(): void {
  const files = [
    ...Object.values<string | Record<string, string>>(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? target : Object.values(target),
    ),
    ...Object.values<string>(manifest.bin),
    'README.md',
    'LICENSE',
    'NOTICE',
    'CHANGELOG.md',
  ]
  const missing = files.filter((file) => !existsSync(join(installed, file)))
  if (missing.length > 0) throw new Error(`not in the package: ${missing.join(', ')}`)
}

function doorsLoad(): void {
  const doors = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'))
  const code = doors.map((door) => `await import('sluice${door.slice(1)}')`).join('\n')
  run([process.execPath, '--input-type=module', '--eval', code])
}

function compile(compiler: string): void {
  run([process.execPath, join('node_modules', compiler, 'bin/tsc')])
}

function runs(command: readonly string[]): void {
  const output = run(command).trimEnd()
  const promised = example().prints?.join('\n')
  if (promised !== undefined && output !== promised)
    throw new Error(`it printed\n${output}\nand not\n${promised}`)
}

function commandStarts(): void {
  const output = run(['npx', '--no-install', 'sluice', '--help'])
  if (!output.includes('sluice')) throw new Error(`sluice --help printed\n${output}`)
}

function example() {
  const [first] = blocksOf(root, 'README.md')
  if (first === undefined) throw new Error('README.md has no example')
  return first
}

function run([command = '', ...args]: readonly string[], cwd = project): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function complaintOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string } // execFileSync adds them
  return [error.message, stdout, stderr].join('\n').trim()
}
