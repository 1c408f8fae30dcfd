import { beforeEach, describe, expect, it } from 'vitest'
import { parked, polling, quiet } from './doorbell.js'
import { createMemory, globalAt, header, lockedRing, type Memory, proc, procAt } from './layout.js'
import { schedTraceEvery, schedTraceLine } from './sched-trace.js'

let memory: Memory

beforeEach(() => {
  memory = createMemory()
  memory.words[header.procs] = 2
  for (const p of [0, 1]) memory.words[procAt(p) + proc.machine] = p + 1
})

function fillQueue(at: number, { head, tail }: { head: number; tail: number }, first: number, last: number) {
  memory.words[at + head] = first
  memory.words[at + tail] = last
}

describe('schedTraceLine', () => {
  it('has the layout of Go', () => {
    memory.words[procAt(1) + proc.state] = polling
    fillQueue(procAt(0), proc, 7, 10)
    fillQueue(procAt(1), proc, 0, 4)
    memory.words[procAt(1) + proc.runnext] = 99
    expect(schedTraceLine(memory, 5000, 6004.4)).toBe(
      'SCHED 1004ms: gomaxprocs=2 idleprocs=0 threads=3 spinningthreads=1 needspinning=0 idlethreads=0 runqueue=0 [3 5]',
    )
  })

  it('counts the global queue, the processors that sleep, and the threads there are', () => {
    memory.words[header.procs] = 3
    memory.words[procAt(1) + proc.state] = parked
    memory.words[procAt(2) + proc.state] = quiet
    fillQueue(globalAt, lockedRing, 1, 43)
    expect(schedTraceLine(memory, 0, 1)).toContain(
      'gomaxprocs=3 idleprocs=2 threads=3 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=42 [0 0 0]',
    )
  })

  it('counts queues whose positions have wrapped around, and none below zero', () => {
    fillQueue(procAt(0), proc, 2 ** 31 - 1, -(2 ** 31) + 1)
    fillQueue(procAt(1), proc, 5, 4) // read while it changed
    expect(schedTraceLine(memory, 0, 1)).toMatch(/ \[2 0\]$/)
  })

  it('ends with the number of goroutines where it is known', () => {
    expect(schedTraceLine(memory, 0, 1, 12)).toMatch(/ runqueue=0 \[0 0\] goroutines=12$/)
  })
})

describe('schedTraceEvery', () => {
  it('prints at once and then once a period, and tells how long the next one is off', () => {
    const lines: string[] = []
    const trace = schedTraceEvery(memory, 100, { startedMs: 1000, print: (line) => lines.push(line) })
    expect(trace.printWhenDue(1000)).toBe(100)
    expect(trace.printWhenDue(1099)).toBe(1)
    expect(trace.printWhenDue(1100)).toBe(100)
    expect(lines.map((line) => line.slice(0, line.indexOf(':')))).toEqual(['SCHED 0ms', 'SCHED 100ms'])
  })

  it('does not make up for the times that it missed', () => {
    const lines: string[] = []
    const trace = schedTraceEvery(memory, 100, { startedMs: 0, print: (line) => lines.push(line) })
    trace.printWhenDue(0)
    expect(trace.printWhenDue(470)).toBe(30)
    expect(trace.printWhenDue(480)).toBe(20)
    expect(lines).toHaveLength(2)
  })
})
