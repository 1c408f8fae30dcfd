// What bundles with other people's packages have in common.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export function settings(root) {
  return {
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    metafile: true,
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
  }
}

/** The licences of the packages that a bundle contains. */
export function notices(root, what, inputs) {
  const packages = new Set(inputs.flatMap(packageFolder))
  const parts = [...packages].sort().map((folder) => notice(join(root, folder)))
  return [`${what} of sluice contains the following packages.`, ...parts].join(`\n\n${'-'.repeat(80)}\n\n`)
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
