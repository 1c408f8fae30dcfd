// What is no `attr-char`. Source: RFC 8187, 3.2.1.
const notPlain = /[^!#$&+\-.^_`|~0-9A-Za-z]/gu

/**
 * A Content-Disposition that has the client save the content under a name. Folders are taken out of the name; letters beyond
 * ASCII are written so that old clients still read something. Source: RFC 6266.
 */
export function attachment(name: string): string {
  const plain = name.split(/[/\\]/).at(-1) ?? ''
  const ascii = plain.replace(/[^\x20-\x7e]|["\\%]/gu, '_')
  const quoted = `attachment; filename="${ascii}"`
  return ascii === plain ? quoted : `${quoted}; filename*=UTF-8''${plain.replace(notPlain, encoded)}`
}

function encoded(letter: string): string {
  const hex = Buffer.from(letter, 'utf8').toString('hex').toUpperCase()
  return hex.replace(/../g, '%$&')
}
