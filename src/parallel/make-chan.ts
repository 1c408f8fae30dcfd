import { RuntimeError } from '../runtime/errors.js'
import { BufferedChan } from './buffered-chan.js'
import type { SharedChan } from './shared-chan.js'
import { UnbufferedChan } from './unbuffered-chan.js'

const mostCapacity = 2 ** 20

/**
 * Makes a channel that crosses threads: an argument or a result of tasks, a value of other shared channels. Any number
 * of goroutines on any thread send and receive; each value arrives once, as a copy. Otherwise it is like `chan`: with
 * capacity 0 a send waits for its receiver, values arrive in the order they were sent.
 *
 * Among threads that wait the order is not kept; among the goroutines of one thread it is.
 *
 * @throws RuntimeError if the capacity is not a whole number from 0 to 2^20.
 */
export function sharedChan<T>(capacity = 0): SharedChan<T> {
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > mostCapacity) {
    throw new RuntimeError(
      `makechan: size out of range: a shared channel's capacity is a whole number from 0 to ${mostCapacity}, not ${capacity}`,
    )
  }
  return capacity === 0 ? new UnbufferedChan<T>() : new BufferedChan<T>(undefined, capacity)
}
