import { describe, it } from 'vitest'
import { applies, cases } from './cases.js'
import type { Subject } from './subject.js'
import { subject } from './sluice.js'

describe('the tables that peers are asked too', () => {
  it.each(cases.map((each) => [each.id, each.title, each] as const))('%s: %s', async (_id, _title, each) => {
    if (!applies(subject, each)) throw new Error('sluice has all parts')
    await each.run(subject as Required<Subject>)
  })
})
