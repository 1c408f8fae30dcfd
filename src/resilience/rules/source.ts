import type { RulesDocument } from './resource-rules.js'
import { messageOf, RulesError } from './rules-error.js'

/** Where rules come from, and may be written to: a file, a key of etcd. */
export interface RulesSource {
  /** What it is called in errors, in the history and by the HTTP API: a path, `etcd:/rules`. */
  readonly name: string
  /** The document as it is now. What is wrong with it is the rules' own business, but for what is no document at all. */
  read(): PromiseLike<unknown>
  /**
   * Calls `onChange` whenever the document may have changed, until it is disposed of; it is read anew then. Must not keep the
   * process alive.
   */
  watch(onChange: () => void): Disposable
  /** Writes a document in place of the one that is there. Without it, rules change only where they come from. */
  write?(document: RulesDocument): PromiseLike<void>
}

/** @throws RulesError whatever goes wrong. */
export async function readFrom(source: RulesSource): Promise<unknown> {
  try {
    return await source.read()
  } catch (error) {
    if (error instanceof RulesError) throw error
    const detail = `cannot be read: ${messageOf(error)}`
    throw new RulesError(source.name, 'unreadable', [{ pointer: '', detail }], error)
  }
}

/** @throws RulesError whatever goes wrong. */
export async function writeTo(source: RulesSource, document: RulesDocument): Promise<void> {
  if (source.write === undefined) {
    const detail = 'is only read: change the rules where they come from'
    throw new RulesError(source.name, 'unwritable', [{ pointer: '', detail }])
  }
  try {
    await source.write(document)
  } catch (error) {
    const detail = `cannot be written: ${messageOf(error)}`
    throw new RulesError(source.name, 'unwritable', [{ pointer: '', detail }], error)
  }
}
