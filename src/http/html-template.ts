import { ArgumentError } from '../runtime/errors.js'

/**
 * Where a hole of a template stands: in text; in a quoted attribute; at the beginning of one that is a URL, or further on in
 * it; in a `style` attribute; between attributes.
 */
export type Hole = 'text' | 'attribute' | 'url' | 'url-on' | 'style' | 'attributes'

/** The holes of a template, found once. @throws ArgumentError if one stands where escaping does not protect. */
export function holesOf(template: TemplateStringsArray): readonly Hole[] {
  let holes = known.get(template)
  if (holes === undefined) {
    holes = findHoles(template)
    known.set(template, holes)
  }
  return holes
}

/** Each tagged template is one object for the life of the program. */
const known = new WeakMap<TemplateStringsArray, readonly Hole[]>()

function findHoles(template: TemplateStringsArray): Hole[] {
  const reader = new TemplateReader()
  const holes: Hole[] = []
  for (const [i, part] of template.entries()) {
    reader.read(part)
    if (i < template.length - 1) holes.push(reader.hole())
  }
  reader.end()
  return holes
}

type State =
  | 'text'
  | 'tag'
  | 'name'
  | 'after-name'
  | 'before-value'
  | 'quoted'
  | 'unquoted'
  | 'comment'
  | 'raw text'

/** Elements whose content is no markup, so that nothing can be escaped in it. */
const rawElements = /^(?:script|style|xmp|iframe|noembed|noframes|noscript|plaintext)$/
/** Attributes that a browser goes to or loads from. */
const urlAttributes = /^(?:href|src|action|formaction|xlink:href|poster|data|cite|background|manifest|ping)$/

/**
 * Reads the fixed parts of a template as far as it takes to know what a hole stands in: the states of the HTML tokenizer,
 * less those that make no difference. Source: WHATWG HTML, 13.2.5.
 */
class TemplateReader {
  private state: State = 'text'
  private tag = ''
  private attribute = ''
  private quote = ''
  /** The fixed part of the attribute's value so far, holes left out. */
  private value = ''
  private holesInValue = 0
  /** The last character was a `<`. */
  private isOpening = false

  read(part: string): void {
    for (let at = 0; at < part.length; ) at = this.step(part, at)
    this.isOpening = this.state === 'text' && /<\/?$/.test(part)
  }

  /** What stands here, between two parts. */
  hole(): Hole {
    const { state } = this
    if (this.isOpening) throw this.refused('the name of a tag')
    if (state === 'text') return 'text'
    if (state === 'quoted') return this.holeInAttribute()
    if (state === 'tag' || state === 'after-name') return this.holeBetweenAttributes()
    if (state === 'unquoted' || state === 'before-value')
      throw this.refused(`an attribute without quotes, ${this.attribute}=`)
    if (state === 'comment') throw this.refused('a comment')
    if (state === 'raw text') throw this.refused(`<${this.tag}>`)
    throw this.refused(this.attribute === '' ? 'the name of a tag' : 'the name of an attribute')
  }

  /** @throws ArgumentError if the template ends within a tag: whatever follows it would be read as a part of that. */
  end(): void {
    if (this.state !== 'text' || this.isOpening)
      throw new ArgumentError(
        `a template ends within ${this.state === 'raw text' ? `<${this.tag}>` : 'a tag or a comment'}: write it out to its end`,
      )
  }

  // What stands in the hole may be an attribute: a `=` behind it has no name that is known here.
  private holeBetweenAttributes(): Hole {
    this.leaveAttribute()
    return 'attributes'
  }

  private holeInAttribute(): Hole {
    const { attribute, value } = this
    if (attribute.startsWith('on')) throw this.refused(`the script ${attribute}`)
    if (attribute === 'srcdoc') throw this.refused('srcdoc, a document of its own')
    this.holesInValue++
    if (attribute === 'style') return 'style'
    if (!urlAttributes.test(attribute) || value.trim() !== '') return 'attribute'
    return this.holesInValue === 1 ? 'url' : 'url-on'
  }

  /** @returns where to read on. */
  private step(part: string, at: number): number {
    switch (this.state) {
      case 'text':
        return this.inText(part, at)
      case 'raw text':
        return this.inRawText(part, at)
      case 'comment':
        return this.inComment(part, at)
      case 'quoted':
        return this.inQuotes(part, at)
      default:
        this.inTag(part[at] as string)
        return at + 1
    }
  }

  private inText(part: string, at: number): number {
    const open = part.indexOf('<', at)
    if (open < 0) return part.length
    if (part.startsWith('<!--', open)) return this.inComment(part, open + 2) // `<!-->` is a whole comment
    const tag = /^<(\/?[a-z][^\s/>]*)/i.exec(part.slice(open))?.[1]
    if (tag !== undefined) {
      this.tag = tag.toLowerCase()
      // A name that goes on behind the end of this part is one with a hole in it.
      this.state = open + 1 + tag.length === part.length ? 'name' : 'tag'
      this.attribute = ''
      return open + 1 + tag.length
    }
    // A declaration, or what the browser takes for a comment.
    if (/^<(?:[!?]|\/[^a-z])/i.test(part.slice(open))) return this.pass(part, open, />/)
    return open + 1
  }

  private inComment(part: string, at: number): number {
    return this.pass(part, at, /--!?>/)
  }

  /** Goes on behind `end`, in text; without one in this part, all of it is a comment. */
  private pass(part: string, at: number, end: RegExp): number {
    const found = end.exec(part.slice(at))
    this.state = found === null ? 'comment' : 'text'
    return found === null ? part.length : at + found.index + found[0].length
  }

  private inRawText(part: string, at: number): number {
    const end = part.slice(at).search(new RegExp(`</${this.tag}[\\s/>]`, 'i'))
    if (end < 0) return part.length
    this.state = 'text'
    return at + end
  }

  private inQuotes(part: string, at: number): number {
    const end = part.indexOf(this.quote, at)
    this.value += part.slice(at, end < 0 ? part.length : end)
    if (end < 0) return part.length
    this.leaveAttribute()
    return end + 1
  }

  /** Between `<name` and `>`, but not in quotes. */
  private inTag(char: string): void {
    const isSpace = /\s/.test(char)
    const { state } = this
    if (char === '>') {
      this.state = rawElements.test(this.tag) ? 'raw text' : 'text'
    } else if (state === 'before-value') {
      if (char === '"' || char === "'") this.openQuotes(char)
      else if (!isSpace) this.state = 'unquoted'
    } else if (state === 'unquoted') {
      if (isSpace) this.leaveAttribute()
    } else if (char === '/') this.leaveAttribute()
    else if (char === '=' && state !== 'tag') this.state = 'before-value'
    else if (isSpace) this.state = state === 'name' ? 'after-name' : state
    else if (state === 'name') this.attribute += char.toLowerCase()
    else this.beginAttribute(char)
  }

  private beginAttribute(char: string): void {
    this.state = 'name'
    this.attribute = char.toLowerCase()
  }

  private leaveAttribute(): void {
    this.state = 'tag'
    this.attribute = ''
  }

  private openQuotes(quote: string): void {
    this.state = 'quoted'
    this.quote = quote
    this.value = ''
    this.holesInValue = 0
  }

  private refused(place: string): ArgumentError {
    return new ArgumentError(
      `a value stands in ${place}, where markup cannot escape it: values go into text and quoted attributes`,
    )
  }
}
