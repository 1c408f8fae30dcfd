import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { body, count, depth, header, time } from './values.js'

describe('a count', () => {
  it.each([
    ['1', 1],
    ['250', 250],
    ['10k', 10_000],
    ['2M', 2_000_000],
  ])('%s is %d', (text, value) => expect(count(text)).toBe(value))

  it.each(['0', '-1', '1.5', '', 'ten', '10kb', '1e3', '0x10', '99999999999999999999'])(
    'refuses %j',
    (text) => {
      expect(() => count(text)).toThrow(InvalidArgumentError)
    },
  )
})

describe('a depth', () => {
  it.each([1, 16, 256])('%d is itself', (value) => expect(depth(String(value))).toBe(value))

  it.each(['0', '257', '-1', '1.5', '', '1k', 'ten', '0x10', '1000'])('refuses %j', (text) => {
    expect(() => depth(text)).toThrow('give a whole number from 1 to 256.')
  })
})

describe('a time', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['3m', 180_000],
    ['1h', 3_600_000],
    ['10', 10_000],
  ])('%s is %d milliseconds', (text, ms) => expect(time(text)).toBe(ms))

  it.each(['0', '0s', '-1s', '', 's', '3d', '1s500ms', 'soon'])('refuses %j', (text) => {
    expect(() => time(text)).toThrow(InvalidArgumentError)
  })
})

describe('a header', () => {
  it('is added to the earlier ones, without the space around its value', () => {
    const first = header('A: b:c ', [])
    expect(header('X-Empty:', first)).toEqual([
      ['A', 'b:c'],
      ['X-Empty', ''],
    ])
  })

  it.each(['A', ': b', ''])('refuses %j', (text) => {
    expect(() => header(text, [])).toThrow("write it as 'Name: value'.")
  })
})

describe('a body', () => {
  it('is the text itself', () => {
    expect(body('{"a":1}').toString()).toBe('{"a":1}')
  })

  it('is the file of that name after an @', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-'))
    writeFileSync(join(folder, 'order.json'), Buffer.from([0, 255]))
    expect([...body(`@${join(folder, 'order.json')}`)]).toEqual([0, 255])
    rmSync(folder, { recursive: true })
  })

  it('refuses a file that is not there, and a folder', () => {
    expect(() => body('@/no/such/file')).toThrow(
      'there is no such file; give a file that can be read as @path, or the body itself.',
    )
    expect(() => body('@/')).toThrow(InvalidArgumentError)
  })
})
