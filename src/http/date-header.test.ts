import { describe, expect, it } from 'vitest'
import { TestClock } from '../../test/net/test-clock.js'
import { TimerWheel } from '../net/timer-wheel.js'
import { Scheduler } from '../runtime/scheduler.js'
import { DateHeader } from './date-header.js'

function dateHeader() {
  const clock = new TestClock()
  const wheel = new TimerWheel(new Scheduler({ clock }), 100)
  return { clock, wheel, date: new DateHeader(wheel, () => clock.epochNow()) }
}

describe('a DateHeader', () => {
  it('is the date in the form of HTTP', () => {
    const { date } = dateHeader()
    expect(date.line).toBe('Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n')
    expect(date.value).toBe('Thu, 01 Jan 1970 00:00:00 GMT')
  })

  it('opens a response for each Content-Type', () => {
    const { date } = dateHeader()
    expect(date.opening('a/b')).toBe(`HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n${date.line}`)
    expect(date.opening('c/d')).toBe(`HTTP/1.1 200 OK\r\nContent-Type: c/d\r\n${date.line}`)
  })

  it('is made anew in the next second', () => {
    const { clock, date } = dateHeader()
    const { line } = date
    date.opening('a/b')
    clock.pass(900)
    expect(date.line).toBe(line)
    clock.pass(200)
    expect(date.opening('a/b')).toContain('00:00:01 GMT')
    expect(date.value).toBe('Thu, 01 Jan 1970 00:00:01 GMT')
  })

  it('has no timer while nobody asks', () => {
    const { clock, wheel, date } = dateHeader()
    expect(wheel.size).toBe(0)
    expect(date.value).not.toBe('')
    expect(wheel.size).toBe(1)
    clock.pass(1100)
    expect(wheel.size).toBe(0)
  })
})
