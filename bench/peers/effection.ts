import { run, spawn } from 'effection'
import { measure, perOp } from '../programs/measure.js'

function* nothing() {}

await measure({
  spawn: (n) =>
    run(function* () {
      const startedMs = performance.now()
      for (let i = 0; i < n; i += 250) {
        const tasks = []
        for (let j = 0; j < 250; j++) tasks.push(yield* spawn(nothing))
        for (const task of tasks) yield* task
      }
      return perOp(startedMs, n)
    }),
})
