/** What a program does without a pool: a new object each time. */
import { measure, perOp } from './measure.js'

class Thing {
  readonly buf = new Uint8Array(1024)
}

let last: Thing | undefined

function make(i: number): void {
  last = new Thing()
  last.buf[0] = i
}

await measure({
  poolGetPut: (n) => {
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) make(i)
    return perOp(startedMs, n)
  },
  poolBytes: (n) => {
    for (let i = 0; i < 10_000; i++) make(i)
    globalThis.gc?.()
    const before = process.memoryUsage()
    for (let i = 0; i < n; i++) make(i)
    const after = process.memoryUsage()
    return (after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers) / n
  },
})
