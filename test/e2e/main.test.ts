import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const programs = fileURLToPath(new URL('programs', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program as a user does, on the sources. @param reacts is called each time it has printed something. */
function start(name: string, args: string[] = [], reacts?: (child: ChildProcess, stdout: string) => void) {
  const env = { ...process.env }
  for (const ours of ['NODE_ENV', 'VITEST', 'SLUICE_DEBUG', 'NODE_OPTIONS']) delete env[ours]
  const command = ['--import', 'tsx', '--expose-gc', `${programs}/${name}.ts`, ...args]
  const child = spawn(process.execPath, command, { cwd: root, env })
  return new Promise<Ended>((resolve) => {
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => {
      stdout += chunk
      reacts?.(child, stdout)
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Starts a program and sends it signals, one each time it has printed something more. */
function signal(program: string, what: string, ...names: NodeJS.Signals[]): Promise<Ended> {
  return start(program, [what], (child) => {
    const name = names.shift()
    if (name !== undefined) child.kill(name)
  })
}

/** `file:line` of the first line of a program that holds `text`. */
function place(name: string, text: string): string {
  const lines = readFileSync(`${programs}/${name}.ts`, 'utf8').split('\n')
  return `programs/${name}.ts:${lines.findIndex((line) => line.includes(text)) + 1}`
}

describe('main', () => {
  it('ends the process with code 0 when the function returns, whatever else runs', async () => {
    expect(await start('outcomes', ['returns'])).toEqual({ code: 0, stdout: 'done\n', stderr: '' })
  })

  it.each([
    ['throws', 'panic: TypeError: broken\n'],
    ['rejects', 'panic: Error: rejected\n'],
  ])('ends it with a report and code 2 when the function %s', async (what, headline) => {
    const { code, stdout, stderr } = await start('outcomes', [what])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr.slice(0, headline.length)).toBe(headline)
    expect(stderr).toContain('goroutine 1 [running]:')
    expect(stderr).toContain(place('outcomes', `what === '${what}'`))
    expect(stderr).toContain(`created by`)
  })

  it('is one a program, and belongs to the main thread', async () => {
    const { code, stdout } = await start('two-mains')
    expect(stdout.split('\n')).toEqual([
      expect.stringContaining('MisuseError: main() was called twice'),
      expect.stringContaining('MisuseError: main() belongs to the main thread'),
      '',
    ])
    expect(code).toBe(0)
  })
})

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends the context, and says that it was %s', async (name) => {
    const { code, stdout, stderr } = await signal('signals', 'returns', name)
    expect(stdout).toBe(`ready\nCanceled: context canceled | Error: received ${name}\n`)
    expect([code, stderr]).toEqual([0, ''])
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'that ends the function by its context is no failure: after %s the code is %d',
    async (name, exit) => {
      expect(await signal('signals', 'passes on', name)).toEqual({
        code: exit,
        stdout: 'ready\n',
        stderr: '',
      })
    },
  )

  it('does not hide a failure', async () => {
    const { code, stderr } = await signal('signals', 'fails', 'SIGTERM')
    expect([code, stderr.split('\n')[0]]).toEqual([2, 'panic: Error: while shutting down'])
  })

  it('that comes second ends the process at once', async () => {
    const ended = await signal('signals', 'lingers', 'SIGINT', 'SIGTERM')
    expect(ended).toMatchObject({ code: 143, stderr: '' })
  })

  it('QUIT prints every goroutine and ends the process with code 2', async () => {
    const { code, stderr } = await signal('signals', 'ignores', 'SIGQUIT')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^SIGQUIT: quit\n\ngoroutine 1 \[sleep\]:\n/)
    expect(stderr).toContain('goroutine 2 [sleep]:\nbystander(...)\n')
    expect(stderr).toContain(place('signals', "what === 'ignores'"))
    expect(stderr).toContain(place('signals', 'go(function* bystander'))
  })
})

describe('a deadlock', () => {
  it('RT1: is reported with every goroutine, where it stands and where it was created', async () => {
    const { code, stderr } = await start('deadlock')
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /^fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 \[chan send\]:\n/,
    )
    expect(stderr).toContain('goroutine 2 [chan receive]:\nwaiter(...)\n')
    expect(stderr).toContain(place('deadlock', 'send(1)'))
    expect(stderr).toContain(place('deadlock', 'ch.recv()'))
    expect(stderr).toMatch(/created by \S+ in goroutine 1\n/)
    expect(stderr).toContain(place('deadlock', 'go(function* waiter'))
    expect(stderr).not.toContain('/src/')
  })

  it('RT2: is what follows when root exits and the others have finished', async () => {
    const { code, stdout, stderr } = await start('goexit')
    expect(stdout).toBe('deferred\nthe other has finished\n')
    expect(stderr).toMatch(/^fatal error: no goroutines \(main called runtime.Goexit\) - deadlock!\n/)
    expect(code).toBe(2)
  })

  it.each(['sleep', 'context', 'promise'])('RT3: is not reported while a %s is pending', async (what) => {
    expect(await start('pending', [what])).toEqual({ code: 0, stdout: 'woken\n', stderr: '' })
  })

  it('RT3: is not reported while a server is open', async () => {
    const ended = await signal('pending', 'server', 'SIGUSR2')
    expect(ended).toEqual({ code: 0, stdout: 'ready\nwoken\n', stderr: '' })
  })
})

describe('a crash', () => {
  it('RT5: comes from what a goroutine throws while it exits', async () => {
    const { code, stdout, stderr } = await start('goexit-panic', ['unrecovered'])
    expect([code, stdout, stderr.split('\n')[0]]).toEqual([2, '', 'panic: Error: hello'])
  })

  it('RT5: does not come from what is caught meanwhile, and the goroutine exits nevertheless', async () => {
    const { code, stdout, stderr } = await start('goexit-panic', ['recovered'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('no goroutines (main called runtime.Goexit) - deadlock!')
  })

  it('RT6: lists what was thrown on the way, the last one last', async () => {
    const { code, stderr } = await start('panics')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^panic: Error: first\n\tpanic: Error: second\n\tpanic: Error: third\n/)
  })

  it('RT7: comes of go() without a function, whatever is caught', async () => {
    const { code, stdout, stderr } = await start('misuse', ['nil'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^fatal error: go of nil func value/)
    expect(stderr).toContain(place('misuse', 'nil:'))
  })

  it('MU2: comes of an unlock too many, whatever is caught', async () => {
    const { code, stdout, stderr } = await start('misuse', ['unlock'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^fatal error: sync: unlock of unlocked mutex\n/)
    expect(stderr).toContain(place('misuse', 'unlock:'))
  })

  it('RT8: is reported although the message of the error starts goroutines', async () => {
    const { code, stderr } = await start('strange-error', ['yields'])
    expect([code, stderr.split('\n')[0]]).toEqual([2, 'panic: Error: strange message'])
  })

  it('RT8: is reported although the error cannot be printed', async () => {
    const { code, stderr } = await start('strange-error', ['throws'])
    expect([code, stderr.split('\n')[0]]).toEqual([2, 'panic: (the thrown value cannot be printed)'])
  })

  it('comes of a goroutine that fails while nobody joins it, with its place and where it was created', async () => {
    const { code, stderr } = await start('unjoined')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^panic: Error: boom\n\ngoroutine 2 \[running\]:\nfailing\(\.\.\.\)\n/)
    expect(stderr).toContain(place('unjoined', "Error('boom')"))
    expect(stderr).toMatch(/created by \S+ in goroutine 1\n/)
    expect(stderr).toContain(place('unjoined', 'go(function* failing'))
  })
})

describe('a goroutine that nothing can wake', () => {
  it('is reported with its name, what it waits for and where it was created', async () => {
    const { code, stdout } = await start('leak')
    expect(stdout).toMatch(/^forgottenReceiver \[chan receive\] /)
    expect(stdout).toContain(place('leak', 'go(function* forgottenReceiver'))
    expect(code).toBe(0)
  })
})

describe('a forgotten yield*', () => {
  it.each(['waits', 'ends'])('is warned of with its line, in a program that %s afterwards', async (what) => {
    const { code, stderr } = await start('forgotten', [what])
    expect(stderr).toMatch(
      /^warning: an operation \(chan send\) was made and never started: is `yield\*` missing/,
    )
    expect(stderr).toContain(place('forgotten', 'ch.send(1)'))
    expect(code).toBe(0)
  })
})
