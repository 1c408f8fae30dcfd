// Bundles src/cli with the libraries it uses, so that `npm install sluice` installs nothing else.
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'
import { notices, settings } from './third-party.mjs'

/** Folders that only the command line enters; everything else in src is the library, which tsc compiles. */
const bundledFolders = ['cli', 'load']

export async function bundleCli(root, outDir) {
  const entry = join(root, 'src/cli/main.ts')
  if (!existsSync(entry)) return
  const { metafile } = await build({
    entryPoints: [entry],
    outdir: join(outDir, 'cli'),
    ...settings(root),
    splitting: true, // a command that is loaded on demand becomes a file of its own
    sourcemap: true,
    plugins: [libraryStaysOutside(join(root, 'src'))],
  })
  chmodSync(join(outDir, 'cli/main.js'), 0o755)
  writeFileSync(
    join(outDir, 'cli/THIRD-PARTY-NOTICES.txt'),
    notices(root, 'The command line', Object.keys(metafile.inputs)),
  )
}

/**
 * The bundle imports the library's files from dist instead of containing them: the scheduler is a
 * singleton, and `sluice serve` must share it with the user's program.
 */
function libraryStaysOutside(src) {
  return {
    name: 'library-stays-outside',
    setup(bundle) {
      bundle.onResolve({ filter: /^\.\.?\// }, ({ importer, path, kind }) => {
        if (kind === 'entry-point' || !importer.startsWith(src)) return undefined
        const file = relative(src, resolve(dirname(importer), path))
        if (bundledFolders.includes(file.split('/')[0])) return undefined
        return { path: `../${file}`, external: true } // seen from dist/cli, where every chunk lies
      })
    },
  }
}
