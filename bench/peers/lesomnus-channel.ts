import { Chan } from '@lesomnus/channel'
import { measure, perOp } from '../programs/measure.js'

async function echo(there: Chan<number>, back: Chan<number>, n: number): Promise<void> {
  for (let i = 0; i < n; i += 2) await back.send(await there.recv())
}

await measure({
  pingpong: async (n) => {
    const there = new Chan<number>(0)
    const back = new Chan<number>(0)
    void echo(there, back, n)
    const startedMs = performance.now()
    for (let i = 0; i < n; i += 2) {
      await there.send(i)
      await back.recv()
    }
    return perOp(startedMs, n)
  },
})
