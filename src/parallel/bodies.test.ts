import { describe, expect, it } from 'vitest'
import { keyOf, loadBody, registerBody, TaskNotFoundError } from './bodies.js'

const moduleOf = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`

async function failureOf(key: string): Promise<TaskNotFoundError> {
  const error = await loadBody(key).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(TaskNotFoundError)
  return error as TaskNotFoundError
}

describe('the body of a task', () => {
  it('is known at once where its module has defined it', async () => {
    const body = () => 1
    registerBody('file:///known.js', 'one', body)
    expect(await loadBody(keyOf('file:///known.js', 'one'))).toBe(body)
  })

  it('may be defined again by its module, but not by another function of that name', () => {
    registerBody('file:///twice.js', 'one', () => 1)
    registerBody('file:///twice.js', 'one', () => 1)
    expect(() => registerBody('file:///twice.js', 'one', () => 2)).toThrow(
      "task(): there are two tasks named 'one' in file:///twice.js: a task's name is unique in its module",
    )
  })
})

describe('a body that is not to be had says the task, its module and the remedy', () => {
  it('when the module throws', async () => {
    const url = moduleOf("throw new TypeError('no window here.\\nMore about it.')")
    const { message, cause } = await failureOf(keyOf(url, 'one'))
    expect(message).toBe(
      `task 'one': ${url} could not be loaded in a worker thread: no window here. Its top level runs in every worker thread: keep it free of what only the main thread can do`,
    )
    expect(cause).toBeInstanceOf(TypeError)
  })

  it('when the module does not define it', async () => {
    const url = moduleOf('export const one = 1')
    expect((await failureOf(keyOf(url, 'one'))).message).toBe(
      `task 'one' was not defined when ${url} was loaded in a worker thread: define it at the top level of its module, unconditionally`,
    )
  })

  it('when the module is a test, or imports one', async () => {
    const url = moduleOf("throw new Error('Vitest failed to find the runner.')")
    expect((await failureOf(keyOf(url, 'one'))).message).toMatch(
      /Define tasks in a module of their own, not in a test file: worker threads load it outside the test runner$/,
    )
  })

  it('when the module is not there', async () => {
    const url = 'file:///nowhere/tasks.js'
    expect((await failureOf(keyOf(url, 'one'))).message).toMatch(
      /^task 'one': file:\/\/\/nowhere\/tasks\.js could not be loaded in a worker thread: Cannot find module/,
    )
  })
})
