import { describe, expect, it } from 'vitest'
import { asModule, isTypeScript, vitestRoot } from './module-loader.js'

describe('the loader of modules', () => {
  it.each(['a.ts', 'a.mts', 'a.cts', 'a.tsx'])('knows %s for TypeScript', (name) => {
    expect(isTypeScript(`file:///${name}`)).toBe(true)
  })

  it.each(['a.js', 'a.mjs', 'a.ts.js', 'ts'])('knows %s for something else', (name) => {
    expect(isTypeScript(`file:///${name}`)).toBe(false)
  })

  it('knows the root of the project whose tests run', () => {
    expect(vitestRoot()).toBe(process.cwd())
  })

  it('addresses the module that is the twin of a CommonJS file, in any folder', () => {
    expect(asModule('/a b/api.cjs')).toBe('file:///a%20b/api.mjs')
  })
})
