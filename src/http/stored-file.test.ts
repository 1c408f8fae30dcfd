import { describe, expect, it } from 'vitest'
import { refusal } from './stored-file.js'

const fault = (code: string) => Object.assign(new Error(`${code}: open '/srv/secret'`), { code })

describe('refusal', () => {
  it.each([
    ['ENOENT', 404],
    ['ENOTDIR', 404],
    ['ENAMETOOLONG', 404],
    ['ELOOP', 404],
    ['ENXIO', 404],
    ['EACCES', 403],
    ['EPERM', 403],
  ])('makes %s a %i that says nothing of the path to the client', (code, status) => {
    const error = fault(code)
    expect(refusal(error)).toMatchObject({ status, detail: undefined, cause: error })
  })

  it.each(['EIO', 'EMFILE'])('leaves %s as it is: whoever runs the server has to know', (code) => {
    const error = fault(code)
    expect(refusal(error)).toBe(error)
  })
})
