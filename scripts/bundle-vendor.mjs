// Puts the libraries that the server uses into the package, so that `npm install sluice` installs nothing else: each file of
// src/http/vendor re-exports what is used of one library, and becomes that library in place.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { notices, settings } from './third-party.mjs'

const folder = 'http/vendor'

export async function bundleVendor(root, outDir) {
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
    notices(root, 'The HTTP server', Object.keys(metafile.inputs)),
  )
}
