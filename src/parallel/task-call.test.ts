import { afterAll, expect, it } from 'vitest'
import { go, run } from 'sluice'
import { procs, stopProcs } from 'sluice/parallel'
import { fail } from '../../test/parallel/tasks.js'

afterAll(() => stopProcs())

it('an error of a task has the stack of the worker, joined to that of the caller', () =>
  run(function* () {
    procs(2)
    const { error } = yield* go(function* caller() {
      yield* fail.on(1)('boo')
    }).outcome()
    const [worker = '', here = ''] = ((error as Error).stack ?? '').split('at task fail (called from)')
    expect(worker).toContain('RangeError: boo')
    expect(worker).toContain('tasks.ts')
    expect(here).toContain('caller')
    expect(here).toContain('task-call.test.ts')
  }))
