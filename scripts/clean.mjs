// Removes what the build makes, including what a build that was killed left behind.
import { readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

for (const name of readdirSync(root)) {
  if (name === 'dist' || name.startsWith('.dist-')) rmSync(`${root}/${name}`, { recursive: true })
}
