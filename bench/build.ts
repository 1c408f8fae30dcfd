import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The path of a file in this folder. */
export const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Compiles a program; the packages it needs, ours among them, are found when it runs. */
export async function bundle(source: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [file(source)],
    outfile: file(outfile),
    bundle: true,
    packages: 'external',
    // Without the project's own, whose paths would put src, bundled, in the place of the built package.
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
  })
}

/** Whether a peer's package is there. */
export function isInstalled(name: string): boolean {
  return existsSync(file(`node_modules/${name}`))
}

/** The programs import `sluice` as users do: the built package. Installing the peers makes the same link. */
export function linkSluice(): void {
  const built = statSync(file('../dist/index.js'), { throwIfNoEntry: false })
  if (built === undefined) throw new Error('dist is not there to be measured: `npm run build` first')
  const sources = readdirSync(file('../src'), { recursive: true, encoding: 'utf8' })
  if (
    sources.some((path) => path.endsWith('.ts') && statSync(file(`../src/${path}`)).mtimeMs > built.mtimeMs)
  )
    console.error(
      'bench: src is newer than dist, which is what is measured; `npm run build` brings it up to date',
    )
  if (existsSync(file('node_modules/sluice'))) return
  mkdirSync(file('node_modules'), { recursive: true })
  symlinkSync('../..', file('node_modules/sluice'))
}
