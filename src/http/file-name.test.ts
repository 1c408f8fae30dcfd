import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { safeFileName } from './file-name.js'

describe('safeFileName', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['Größe (1).txt', 'Größe (1).txt'],
    ['家族😀.png', '家族😀.png'],
    ['../../etc/passwd', 'passwd'],
    ['/etc/', ''],
    ['C:\\fakepath\\a.txt', 'a.txt'],
    ['a/b\\c/d', 'd'],
    ['..', ''],
    ['.htaccess', 'htaccess'],
    ['. ..a. . ', 'a'],
    ['  a b  ', 'a b'],
    ['a\0b\n\r\u001b\u007f\u0085.txt', 'ab.txt'],
    ['photo\u202egpj.exe', 'photogpj.exe'],
    ['a\u2028b\ufeff', 'ab'],
    ['\0.bashrc', 'bashrc'],
    ['A\u030angstro\u0308m', '\u00c5ngstr\u00f6m'],
    ['e\0\u0301', '\u00e9'],
    ['a.txt:evil', 'a.txt_evil'],
    ['<a>"b"|?*', '_a__b____'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['Lpt1.tar.gz', '_Lpt1.tar.gz'],
    ['console.log', 'console.log'],
    ['', ''],
  ])('makes %j harmless', (name, safe) => {
    expect(safeFileName(name)).toBe(safe)
  })

  it('cuts a long name and keeps its extension', () => {
    expect(safeFileName(`${'a'.repeat(300)}.jpeg`)).toBe(`${'a'.repeat(250)}.jpeg`)
    expect(safeFileName(`${'ö'.repeat(300)}.txt`)).toBe(`${'ö'.repeat(125)}.txt`)
    expect(safeFileName('a'.repeat(300))).toBe('a'.repeat(255))
    expect(safeFileName(`a.${'b'.repeat(300)}`)).toBe(`a.${'b'.repeat(253)}`)
  })

  it('is quick with a name that is long and malicious', () => {
    expect(safeFileName(`a${' '.repeat(1_000_000)}b`)).toBe('a')
  })

  it('makes a name of any text that is one everywhere, and stays as it is', () => {
    const unit = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.constantFrom(
        '.',
        '/',
        '\\',
        ' ',
        '\0',
        ':',
        'con',
        'nul.',
        '\u202e',
        '\u0301',
        'ö'.repeat(90),
        '.txt',
      ),
    )
    fc.assert(
      fc.property(fc.array(unit), (units) => {
        const name = safeFileName(units.join(''))
        expect(name).not.toMatch(/[/\\:*?"<>|\p{Cc}\u202e]|^[.\s]|[.\s]$/u)
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
        expect(name).toBe(name.normalize('NFC'))
        expect(safeFileName(name)).toBe(name)
      }),
      { numRuns: 2000 },
    )
  })
})
