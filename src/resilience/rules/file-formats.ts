import { isDeepStrictEqual } from 'node:util'
import type { YamlDocument } from '../vendor/yaml.js'
import { isObject } from './document.js'
import { duplicateKey } from './duplicate-key.js'
import { messageOf, RulesError } from './rules-error.js'

/** How a document is written down. */
export interface FileFormat {
  /** @throws RulesError if the text is none. */
  parse(text: string, path: string): unknown | PromiseLike<unknown>
  /** @param before what the file says now: what can be kept of its form is. */
  print(document: unknown, before: () => Promise<string>): string | PromiseLike<string>
}

export const json: FileFormat = {
  parse(text, path) {
    let document: unknown
    try {
      document = JSON.parse(text)
    } catch (error) {
      throw new RulesError(
        path,
        'invalid',
        [{ pointer: '', detail: `is no JSON: ${messageOf(error)}` }],
        error,
      )
    }
    const twice = duplicateKey(text)
    if (twice !== undefined)
      throw new RulesError(path, 'invalid', [{ pointer: twice, detail: 'is there twice' }])
    return document
  },
  print: (document) => `${JSON.stringify(document, undefined, 2)}\n`,
}

/** Aliases that a document may follow: a few lines of them, of one another, would be gigabytes. */
const maxAliasCount = 100

export const yaml: FileFormat = {
  async parse(text, path) {
    try {
      return dataOf(await parse(text))
    } catch (error) {
      throw new RulesError(
        path,
        'invalid',
        [{ pointer: '', detail: `is no YAML: ${messageOf(error)}` }],
        error,
      )
    }
  },
  async print(document, before) {
    const { printYaml } = await import('../vendor/yaml.js')
    try {
      const written = await parse(await before())
      update(written, [], dataOf(written), document)
      // A change of what has an alias is one of the alias too.
      if (isDeepStrictEqual(asData(dataOf(written)), asData(document)))
        return written.toString({ lineWidth: 0 })
    } catch {
      // It is broken, or of a form that cannot be changed bit by bit: it is written anew.
    }
    return printYaml(document)
  },
}

/** The library is loaded with the first file. */
async function parse(text: string): Promise<YamlDocument> {
  const { parseYaml } = await import('../vendor/yaml.js')
  const document = parseYaml(text)
  const [error] = document.errors
  if (error !== undefined) throw error
  return document
}

function dataOf(document: YamlDocument): unknown {
  return document.toJS({ maxAliasCount })
}

/** Changes what is different, and no more: comments beside all else stay. */
function update(written: YamlDocument, path: readonly string[], before: unknown, after: unknown): void {
  if (!isObject(before) || !isObject(after)) {
    if (!isDeepStrictEqual(asData(before), asData(after))) written.setIn(path, asData(after))
    return
  }
  for (const key of Object.keys(before)) if (!(key in after)) written.deleteIn([...path, key])
  for (const [key, value] of Object.entries(after)) {
    if (key in before) update(written, [...path, key], before[key], value)
    else written.setIn([...path, key], asData(value))
  }
}

/** Objects that inherit nothing are no others than plain ones here. */
function asData(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}
