import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../runtime/errors.js'
import { type Html, html, type MarkupValue, markup, raw } from './html.js'

const evil = `<script>alert("1" & '2')</script>`
const escaped = '&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;'

describe('markup', () => {
  it('escapes text', () => {
    expect(markup`<p>${evil}</p>`.toString()).toBe(`<p>${escaped}</p>`)
  })

  it('escapes attributes in either quotes', () => {
    expect(markup`<p title="${evil}" lang='${evil}'>`.toString()).toBe(
      `<p title="${escaped}" lang='${escaped}'>`,
    )
  })

  it('renders numbers as they are, and what is absent as nothing', () => {
    expect(markup`${1}${2n}|${undefined}${null}${false}${true}|${0}`.toString()).toBe('12||0')
  })

  it('renders nested markup and lists of it', () => {
    const row = (name: string) => markup`<li>${name}</li>`
    expect(markup`<ul>${['a', '<'].map(row)}</ul>`.toString()).toBe('<ul><li>a</li><li>&lt;</li></ul>')
  })

  it('renders trusted markup as it is, between attributes too', () => {
    const isDone = true
    expect(
      markup`${raw('<b>x</b>')}<input ${isDone && raw('checked')} type=text disabled ${false}>`.toString(),
    ).toBe('<b>x</b><input checked type=text disabled >')
  })

  it('keeps text in text and in attributes, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { 1: inText, 2: inAttribute } = /^<p>([^<]*)<\/p><p title="([^"]*)">$/s.exec(
          markup`<p>${text}</p><p title="${text}">`.toString(),
        ) as RegExpExecArray
        expect(decoded(inText)).toBe(text)
        expect(decoded(inAttribute)).toBe(text)
      }),
    )
  })

  const refused: [string, () => Html][] = [
    ['an unquoted attribute', () => markup`<a title=${'x'}>`],
    ['an unquoted attribute, further on', () => markup`<a title=x${'x'}>`],
    ['the name of a tag', () => markup`<${'b'}>`],
    ['the rest of the name of a tag', () => markup`<h${1}>`],
    ['the name of an end tag', () => markup`</${'b'}>`],
    ['the name of an attribute', () => markup`<a data-${'x'}="1">`],
    ['a comment', () => markup`<!-- ${'x'} -->`],
    ['a declaration', () => markup`<!doctype ${'html'}>`],
    ['a script', () => markup`<script>const a = "${'x'}"</script>`],
    ['a script behind what only looks like its end', () => markup`<script>"</scripts>${'x'}"</script>`],
    ['a style sheet', () => markup`<style>${'x'}</style>`],
    ['an event handler', () => markup`<a onclick="f('${'x'}')">`],
    ['an event handler in capitals', () => markup`<a ONCLICK="${'x'}">`],
    ['a document in an attribute', () => markup`<iframe srcdoc="${'x'}"></iframe>`],
    ['an attribute whose name is a value', () => markup`<a ${raw('href')}="${'x'}">`],
  ]
  it.each(refused)('refuses a value in %s, even a harmless one', (_, use) => {
    expect(use).toThrow(ArgumentError)
  })

  it('takes up text again behind a comment, a script and an empty comment', () => {
    const text = 'x'
    expect(
      () => markup`<!-- "<a b= --><script src="a.js">"<a b='</script><!-->${text}<p>${text}</p>`,
    ).not.toThrow()
  })

  it.each([
    ['within a tag', () => markup`<a title="`],
    ['within a script', () => markup`<script>`],
    ['behind the bracket of a tag', () => markup`a<`],
  ])('refuses a template that ends %s', (_, use) => {
    expect(use).toThrow(/ends within/)
  })

  it.each([
    'javascript:alert(1)',
    ' JavaScript:alert(1)',
    'java\nscript:alert(1)',
    '\x01vbscript:x',
    'data:text/html,x',
  ])('refuses the address %j', (address) => {
    expect(() => markup`<a href="${address}">x</a>`).toThrow(/would run as a script/)
    expect(() => markup`<form><button formaction=' ${address}'>`).toThrow(/would run as a script/)
  })

  it('refuses an address that becomes a script in two values', () => {
    expect(() => markup`<a href="${'java'}${'script:alert(1)'}">x</a>`).toThrow(/would run as a script/)
  })

  it.each([
    'https://example.com/?a=1&b=2',
    '/javascript:x',
    'mailto:a@example.com',
    'data:image/png;base64,AAAA',
    '#top',
  ])('takes the address %j', (address) => {
    expect(decoded(markup`<a href="${address}">`.toString())).toBe(`<a href="${address}">`)
  })

  it('takes anything behind the beginning of an address', () => {
    expect(markup`<a href="/find/${'data:x'}">`.toString()).toBe('<a href="/find/data:x">')
  })

  it('takes numbers only in a style', () => {
    expect(markup`<i style="width: ${50}%"></i>`.toString()).toBe('<i style="width: 50%"></i>')
    expect(() => markup`<i style="width: ${'50'}%"></i>`).toThrow(/numbers only/)
  })

  const wrong: [string, () => Html][] = [
    ['an object in text', () => markup`<p>${{} as unknown as MarkupValue}</p>`],
    ['a promise in text', () => markup`<p>${Promise.resolve('x') as unknown as MarkupValue}</p>`],
    ['a function in text', () => markup`<p>${(() => 'x') as unknown as MarkupValue}</p>`],
    ['a symbol in an attribute', () => markup`<p title="${Symbol('x') as unknown as MarkupValue}"></p>`],
    ['markup in an attribute', () => markup`<p title="${markup`<b>`}"></p>`],
    ['text between attributes', () => markup`<p ${'hidden'}></p>`],
    ['markup that is not raw between attributes', () => markup`<p ${markup`hidden`}></p>`],
  ]
  it.each(wrong)('refuses %s', (_, use) => {
    expect(use).toThrow(ArgumentError)
  })
})

describe('raw', () => {
  it('takes nothing but strings', () => {
    expect(() => raw(undefined as unknown as string)).toThrow('raw() needs a string, not undefined')
  })
})

describe('html', () => {
  it('answers with a page', () => {
    const response = html(markup`<p>${'<'}</p>`, { status: 404, headers: { 'Cache-Control': 'no-store' } })
    expect(response.status).toBe(404)
    expect(response.body).toBe('<p>&lt;</p>')
    expect([...response.headers]).toEqual([
      ['Cache-Control', 'no-store'],
      ['Content-Type', 'text/html; charset=utf-8'],
    ])
  })

  it('sends a string as it is', () => {
    expect(html('<p>').body).toBe('<p>')
  })
})

/** What a browser reads. */
function decoded(text = ''): string {
  return text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
}
