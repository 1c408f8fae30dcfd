// Removes what the build makes, and what builds and tests that were killed left behind.
import { readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

for (const name of readdirSync(root)) {
  if (/^(dist|\.dist-.*|\.docs-.*)$/.test(name)) rmSync(`${root}/${name}`, { recursive: true })
}
