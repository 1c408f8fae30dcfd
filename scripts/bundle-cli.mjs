// Bundles src/cli with the libraries it uses, so that `npm install sluice` installs nothing else.
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'

/** Folders that only the command line enters; everything else in src is the library, which tsc compiles. */
const bundledFolders = ['cli', 'load']

export async function bundleCli(root, outDir) {
  const entry = join(root, 'src/cli/main.ts')
  if (!existsSync(entry)) return
  const { metafile } = await build({
    entryPoints: [entry],
    outdir: join(outDir, 'cli'),
    absWorkingDir: root,
    bundle: true,
    splitting: true, // a command that is loaded on demand becomes a file of its own
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    metafile: true,
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
    plugins: [libraryStaysOutside(join(root, 'src'))],
  })
  chmodSync(join(outDir, 'cli/main.js'), 0o755)
  writeFileSync(join(outDir, 'cli/THIRD-PARTY-NOTICES.txt'), notices(root, Object.keys(metafile.inputs)))
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

function notices(root, inputs) {
  const packages = new Set(inputs.flatMap(packageFolder))
  const parts = [...packages].sort().map((folder) => notice(join(root, folder)))
  return ['The command line of sluice contains the following packages.', ...parts].join(
    `\n\n${'-'.repeat(80)}\n\n`,
  )
}

function packageFolder(input) {
  return input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
  if (file === undefined && license === undefined)
    throw new Error(`bundle: ${name} ${version} states no licence`)
  const text =
    file === undefined
      ? `${license}, as its package.json states.`
      : readFileSync(join(folder, file), 'utf8').trim()
  return `${name} ${version}\n\n${text}`
}
