import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventText, type ServerEvent } from './event-text.js'

describe('eventText', () => {
  it.each<[ServerEvent, string]>([
    [{ data: 'a' }, 'data: a\n\n'],
    [{ data: '' }, 'data: \n\n'],
    [{ data: 'a\nb\r\nc\rd' }, 'data: a\ndata: b\ndata: c\ndata: d\n\n'],
    [{ data: ' a' }, 'data:  a\n\n'],
    [{ data: { a: 1 } }, 'data: {"a":1}\n\n'],
    [{ data: null }, 'data: null\n\n'],
    [{ event: 'tick', id: '7', retry: 100, data: 'x' }, 'event: tick\nid: 7\nretry: 100\ndata: x\n\n'],
    [{ id: '' }, 'id: \n\n'],
  ])('writes %j', (event, text) => {
    expect(eventText(event)).toBe(text)
  })

  it.each<ServerEvent>([
    { event: 'a\nb' },
    { event: 'a\rdata: b' },
    { id: 'a\nb' },
    { id: 'a\0b' },
    { id: 7 as unknown as string },
    { retry: -1 },
    { retry: 1.5 },
    { data: () => 1 },
  ])('refuses %j', (event) => {
    expect(() => eventText(event)).toThrow(/event/)
  })

  it('is read as what was sent, whatever the data holds', () => {
    const data = fc.array(fc.constantFrom('\r', '\n', ':', ' ', 'data', 'id: 1', 'a', '\0'), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(data, (parts) => {
        const text = parts.join('')
        expect(read(eventText({ data: text }))).toEqual([text.replace(/\r\n|\r/g, '\n')])
      }),
    )
  })
})

/** The data of the events in a stream, as WHATWG HTML, 9.2.6, reads it. */
function read(stream: string): string[] {
  const events: string[] = []
  let data: string[] = []
  for (const line of stream.split(/\r\n|\r|\n/)) {
    if (line === '' && data.length > 0) {
      events.push(data.join('\n'))
      data = []
    }
    const { 1: name, 2: value } = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'data') data.push(value ?? '')
  }
  return events
}
