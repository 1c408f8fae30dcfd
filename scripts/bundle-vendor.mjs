// Puts the libraries that the package uses into it, so that `npm install sluice` installs nothing else: each file of a vendor
// folder re-exports what is used of one library, and becomes that library in place.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { notices, settings } from './third-party.mjs'

const folders = [
  { folder: 'http/vendor', what: 'The HTTP server' },
  { folder: 'resilience/vendor', what: 'The reader of rules' },
]

export async function bundleVendor(root, outDir) {
  for (const { folder, what } of folders) await bundleFolder(root, outDir, folder, what)
}

async function bundleFolder(root, outDir, folder, what) {
  const source = join(root, 'src', folder)
  if (!existsSync(source)) return
  const entryPoints = readdirSync(source).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  const { metafile } = await build({
    ...settings(root),
    entryPoints: entryPoints.map((file) => join(source, file)),
    outdir: join(outDir, folder),
    // Optional native add-ons of ws, which it does without.
    external: ['bufferutil', 'utf-8-validate'],
  })
  writeFileSync(
    join(outDir, folder, 'THIRD-PARTY-NOTICES.txt'),
    notices(root, what, Object.keys(metafile.inputs)),
  )
}
