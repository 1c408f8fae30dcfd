import { randomUUID } from 'node:crypto'
import { unwatchFile, watchFile } from 'node:fs'
import { open, realpath, rename, rm, stat } from 'node:fs/promises'
import { ArgumentError } from '../../runtime/errors.js'
import { sleep } from '../../runtime/sleep.js'
import { type FileFormat, json, yaml } from './file-formats.js'
import { maxDocumentBytes } from './limits.js'
import { RulesError } from './rules-error.js'
import type { RulesSource } from './source.js'

/** How often the file is looked at. A look is one `stat`, which costs some microseconds. */
const everyMs = 250
/** A file that has not changed for so long is taken to be written. */
const quietMs = 100

/**
 * A file of rules. It is looked at four times a second, through all links, rather than watched by the host: that also sees
 * the swap of a directory behind a link, as Kubernetes does it with a ConfigMap, files of other machines, and runs out of nothing.
 * A change is read once the file has been the same for 100 ms, so that one who writes it bit by bit has finished.
 *
 * @throws ArgumentError if the name of the file does not end in `.json`, `.yaml` or `.yml`.
 */
export function fileSource(path: string): RulesSource {
  const format = formatOf(path)
  return {
    name: path,
    read: async () => format.parse(await readText(path), path),
    watch: (onChange) => watch(path, onChange),
    write: async (document) => replaceFile(path, await format.print(document, () => readText(path))),
  }
}

function formatOf(path: string): FileFormat {
  if (/\.json$/i.test(path)) return json
  if (/\.ya?ml$/i.test(path)) return yaml
  throw new ArgumentError(`rules() reads a .json, .yaml or .yml file, and the name of ${path} ends otherwise`)
}

async function readText(path: string): Promise<string> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (size > maxDocumentBytes) {
    const detail = `is longer than ${maxDocumentBytes} bytes`
    throw new RulesError(path, 'invalid', [{ pointer: '', detail }])
  }
  return await file.readFile('utf8')
}

function watch(path: string, onChange: () => void): Disposable {
  let isOver = false
  let isSettling = false
  const settle = async () => {
    if (isSettling) return
    isSettling = true
    for (let before = await stateOf(path); !isOver; ) {
      await sleep(quietMs)
      const now = await stateOf(path)
      if (now === before) break
      before = now
    }
    isSettling = false
    if (!isOver) onChange()
  }
  const listener = () => void settle()
  watchFile(path, { persistent: false, interval: everyMs }, listener)
  return {
    [Symbol.dispose]() {
      isOver = true
      unwatchFile(path, listener)
    },
  }
}

/** What is different once the file, or the file behind a link, is another one. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join()
  } catch {
    return 'away' // whoever reads it will say why
  }
}

/** Puts a text in place of a file in one step: who reads it sees the one or the other. A link stays, and its file is another. */
async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path)
  const { mode } = await stat(target)
  const beside = `${target}.${randomUUID()}.tmp`
  try {
    {
      await using file = await open(beside, 'wx')
      await file.chmod(mode)
      await file.writeFile(text)
      await file.sync()
    }
    await rename(beside, target)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}
