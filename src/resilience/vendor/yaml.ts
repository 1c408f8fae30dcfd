import { Lexer, parseDocument, Parser, stringify } from 'yaml'

/** A YAML document with its comments and its form. */
export interface YamlDocument {
  readonly errors: readonly Error[]
  toJS(options: { readonly maxAliasCount: number }): unknown
  setIn(path: readonly string[], value: unknown): void
  deleteIn(path: readonly string[]): boolean
  toString(options: { readonly lineWidth: number }): string
}

/** What may be open at the same time: documents, maps, sequences, scalars. */
const mostOpen = 200

/**
 * Reads a text as YAML 1.2. What is wrong with it is in `errors`: also a key that is there twice.
 * @throws RangeError if it is nested too deeply.
 */
export function parseYaml(text: string): YamlDocument {
  checkDepth(text)
  return parseDocument(text)
}

/**
 * The library calls itself once a level, and catches it when the stack is full; but where a regular expression happens to be
 * compiled just then, V8 ends the process. The library's own parser below that keeps a list of what is open instead.
 */
function checkDepth(text: string): void {
  const parser = new Parser()
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > mostOpen) throw new RangeError('it is nested too deeply')
  }
}

/** Writes data as YAML. */
export function printYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 })
}
