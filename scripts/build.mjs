// Builds dist: the library with tsc, the libraries that it contains, then the command line as one bundle. Runs on every `npm install`.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleCli } from './bundle-cli.mjs'
import { bundleVendor } from './bundle-vendor.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

// Built beside dist and then swapped in, so that whoever runs from dist never sees half of it,
// a failed build leaves the last good one, and files of deleted sources do not linger.
const next = join(root, `.dist-${process.pid}`)
const old = `${next}-old`
try {
  mkdirSync(next)
  if (existsSync(join(root, 'src'))) compile()
  await bundleVendor(root, next)
  await bundleCli(root, next)
  if (existsSync(dist)) renameSync(dist, old)
  renameSync(next, dist)
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
} finally {
  for (const folder of [next, old]) rmSync(folder, { recursive: true, force: true })
}

function compile() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', next], {
    cwd: root,
    stdio: 'inherit',
  })
}
