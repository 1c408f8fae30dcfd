import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from 'sluice'
import { bodyOf, MemoryRequest, responseOf } from '../../test/http/memory-exchange.js'
import type { Routine } from '../runtime/operation.js'
import { type FilesOptions, files } from './files.js'
import { HttpError } from './http-error.js'
import type { HttpResponse } from './response.js'

const folder = mkdtempSync(join(tmpdir(), 'sluice-files-'))
afterAll(() => rmSync(folder, { recursive: true }))

for (const name of [
  'public/docs',
  'public/.git',
  'public/bare',
  'public/sp ace',
  'public-secret',
  'release-1',
  'release-2',
])
  mkdirSync(join(folder, name), { recursive: true })
for (const name of [
  'secret.txt',
  'public-secret/a.txt',
  'public/a.txt',
  'public/.env',
  'public/.git/config',
  'public/index.html',
  'public/docs/index.html',
  'public/docs/ä b.txt',
  'public/..a.txt',
  'release-1/a.txt',
  'release-2/a.txt',
])
  writeFileSync(join(folder, name), name)
symlinkSync('../secret.txt', join(folder, 'public/out.txt'))
symlinkSync('..', join(folder, 'public/up'))
symlinkSync('docs', join(folder, 'public/in'))
symlinkSync('a.txt', join(folder, 'public/page.html'))
symlinkSync('loop', join(folder, 'public/loop'))
writeFileSync(join(folder, 'public/b.js'), 'plain')
symlinkSync('../secret.txt', join(folder, 'public/b.js.br'))

const root = join(folder, 'public')

function* ask(
  path: string,
  options: FilesOptions & { method?: string; accept?: string; root?: string } = {},
): Routine<HttpResponse> {
  const { method = 'GET', accept, root: from = root, ...rest } = options
  const req = new MemoryRequest(
    `${method} /files/${path}`,
    accept === undefined ? {} : { 'Accept-Encoding': accept },
  )
  // As the router decodes it.
  req.params = { '*': decodeURIComponent(path.replace(/\?.*/, '')) }
  return yield* responseOf(files(from, rest)(req))
}

/** The content, or the status of what is no file. */
function* see(...request: Parameters<typeof ask>): Routine<string> {
  try {
    const response = yield* ask(...request)
    if (response.status === 200) return `${yield* bodyOf(response)}`
    return `${response.status} ${response.headers.get('location')}`
  } catch (error) {
    if (error instanceof HttpError) return `${error.status}`
    throw error
  }
}

describe('files', () => {
  it('answers with the files below the root', () =>
    run(function* () {
      expect(yield* see('a.txt')).toBe('public/a.txt')
      expect(yield* see('docs/%C3%A4%20b.txt')).toBe('public/docs/ä b.txt')
      expect(yield* see('docs%2Findex.html')).toBe('public/docs/index.html')
    }))

  it('answers for a folder with its index, and redirects to its path with a slash', () =>
    run(function* () {
      expect(yield* see('')).toBe('public/index.html')
      expect(yield* see('docs/')).toBe('public/docs/index.html')
      expect(yield* see('docs')).toBe('301 ./docs/')
      expect(yield* see('docs?a=1&b=/')).toBe('301 ./docs/?a=1&b=/')
      expect(yield* see('sp%20ace')).toBe('301 ./sp%20ace/')
      expect(yield* see('bare/')).toBe('404')
      expect(yield* see('docs/', { index: 'ä b.txt' })).toBe('public/docs/ä b.txt')
      expect(yield* see('docs/', { index: false })).toBe('404')
      expect(yield* see('docs', { index: false })).toBe('404')
      expect(yield* see('a.txt/')).toBe('404')
    }))

  it.each([
    '../secret.txt',
    '%2e%2e/secret.txt',
    '..%2fsecret.txt',
    '%2e%2e%2fsecret.txt',
    'docs/../a.txt',
    'docs/../../secret.txt',
    './a.txt',
    '/a.txt',
    '//a.txt',
    'docs//index.html',
    '..%5csecret.txt',
    'docs%5cindex.html',
    'a.txt%00',
    'a.txt%00.png',
    '%2fetc/passwd',
    '../public-secret/a.txt',
    '..',
    '.',
  ])('finds nothing at %s', (path) =>
    run(function* () {
      for (const dotFiles of [false, true]) expect(yield* see(path, { dotFiles })).toBe('404')
    }),
  )

  it('never leaves the root, whatever the path is made of', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      '/',
      '\\',
      '%2e',
      '%2f',
      '%5c',
      '%00',
      'secret.txt',
      'public-secret',
      'a.txt',
      'up',
    )
    return fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), fc.boolean(), (parts, dotFiles) =>
        run(function* () {
          const seen = yield* see(parts.join('/'), { dotFiles })
          expect(['404', 'public/a.txt', 'public/index.html']).toContain(seen)
        }),
      ),
    )
  })

  it('hides what begins with a dot', () =>
    run(function* () {
      expect(yield* see('.env')).toBe('404')
      expect(yield* see('.git/config')).toBe('404')
      expect(yield* see('..a.txt')).toBe('404')
      expect(yield* see('.env', { dotFiles: true })).toBe('public/.env')
      expect(yield* see('.git/config', { dotFiles: true })).toBe('public/.git/config')
      expect(yield* see('..a.txt', { dotFiles: true })).toBe('public/..a.txt')
    }))

  it('follows links within the root, and out of it only where it is told to', () =>
    run(function* () {
      expect(yield* see('in/index.html')).toBe('public/docs/index.html')
      expect(yield* see('out.txt')).toBe('404')
      expect(yield* see('up/secret.txt')).toBe('404')
      expect(yield* see('up')).toBe('404')
      expect(yield* see('loop')).toBe('404')
      expect(yield* see('out.txt', { symlinksOut: true })).toBe('secret.txt')
    }))

  it('follows no link out of the root for a compressed file either', () =>
    run(function* () {
      expect(yield* see('b.js', { precompressed: true, accept: 'br' })).toBe('plain')
      expect(yield* see('b.js', { precompressed: true, accept: 'br', symlinksOut: true })).toBe('secret.txt')
    }))

  it('takes the type from the name that was asked for', () =>
    run(function* () {
      expect((yield* ask('page.html')).headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect((yield* ask('docs/')).headers.get('content-type')).toBe('text/html; charset=utf-8')
    }))

  it('follows a root that is a link, also when that is moved', () =>
    run(function* () {
      const current = join(folder, 'current')
      symlinkSync('release-1', current)
      expect(yield* see('a.txt', { root: current })).toBe('release-1/a.txt')
      symlinkSync('release-2', `${current}.new`)
      renameSync(`${current}.new`, current)
      expect(yield* see('a.txt', { root: current })).toBe('release-2/a.txt')
    }))

  it('answers GET and HEAD only', () =>
    run(function* () {
      expect((yield* ask('a.txt', { method: 'HEAD' })).headers.get('content-length')).toBe('12')
      let refusal: unknown
      try {
        yield* ask('a.txt', { method: 'POST' })
      } catch (error) {
        refusal = error
      }
      expect(refusal).toMatchObject({ status: 405, headers: { Allow: 'GET, HEAD' } })
    }))

  it('finds nothing where the root is missing', () =>
    run(function* () {
      expect(yield* see('a.txt', { root: join(folder, 'nowhere') })).toBe('404')
    }))

  it('says that it needs a wildcard', () =>
    run(function* () {
      const reply = files(root)(new MemoryRequest('GET /files'))
      let misuse: unknown
      try {
        yield* responseOf(reply)
      } catch (error) {
        misuse = error
      }
      expect(misuse).toMatchObject({ code: 'ERR_SLUICE_MISUSE' })
      expect(() => files('')).toThrow(/needs a folder/)
    }))
})
