/** A header value of the form `value; name="…"; name=…`. */
export interface Parameterised {
  /** In lower case. */
  readonly value: string
  /** By their names in lower case. */
  readonly parameters: ReadonlyMap<string, string>
}

const start = /[ \t]*([!#$%&'*+\-.^_`|~\w]+(?:\/[!#$%&'*+\-.^_`|~\w]+)?)[ \t]*/y
const parameter = /;[ \t]*([!#$%&'*+\-.^_`|~\w]+)=(?:"((?:[^"\\]|\\[\s\S])*)"|([!#$%&'*+\-.^_`|~\w]+))[ \t]*/y

/**
 * Reads the value of a Content-Type or Content-Disposition field; `undefined` where it is malformed or has a parameter
 * twice, of which two programs might take different ones. Source: RFC 9110, 5.6.6; RFC 2183.
 */
export function parseParameters(text: string): Parameterised | undefined {
  start.lastIndex = 0
  const value = start.exec(text)?.[1]
  if (value === undefined) return undefined
  const parameters = new Map<string, string>()
  let at = start.lastIndex
  while (at < text.length) {
    parameter.lastIndex = at
    const [, name = '', quoted, token = ''] = parameter.exec(text) ?? []
    const key = name.toLowerCase()
    if (key === '' || parameters.has(key)) return undefined
    parameters.set(key, quoted === undefined ? token : unescaped(quoted))
    at = parameter.lastIndex
  }
  return { value: value.toLowerCase(), parameters }
}

// Only what needs an escape has one: old browsers send `C:\dir\file` as it is.
function unescaped(quoted: string): string {
  return quoted.replace(/\\(["\\])/g, '$1')
}
