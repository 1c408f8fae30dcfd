/** The same work over promises: a channel without buffer, written as one would by hand. */
import { type Case, measure, perOp } from './measure.js'

class PromiseChan {
  private receivers: ((value: number) => void)[] = []
  private senders: { value: number; sent: () => void }[] = []

  recv(): Promise<number> {
    const sender = this.senders.shift()
    if (sender === undefined) return new Promise((resolve) => this.receivers.push(resolve))
    sender.sent()
    return Promise.resolve(sender.value)
  }

  send(value: number): Promise<void> {
    const receiver = this.receivers.shift()
    if (receiver === undefined) return new Promise((sent) => this.senders.push({ value, sent }))
    receiver(value)
    return Promise.resolve()
  }
}

async function sendAll(ch: PromiseChan, n: number): Promise<void> {
  for (let i = 0; i < n; i++) await ch.send(i)
}

async function echo(there: PromiseChan, back: PromiseChan, n: number): Promise<void> {
  for (let i = 0; i < n; i += 2) await back.send(await there.recv())
}

async function parkAtDepth(depth: number, ch: PromiseChan): Promise<number> {
  return depth === 1 ? await ch.recv() : await parkAtDepth(depth - 1, ch)
}

async function loopAtDepth(depth: number, ch: PromiseChan, n: number): Promise<void> {
  if (depth === 1) for (let i = 0; i < n; i++) await ch.recv()
  else await loopAtDepth(depth - 1, ch, n)
}

function call(depth: number): Case {
  return async (n) => {
    const ch = new PromiseChan()
    void sendAll(ch, n)
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) await parkAtDepth(depth, ch)
    return perOp(startedMs, n)
  }
}

function loop(depth: number): Case {
  return async (n) => {
    const ch = new PromiseChan()
    void sendAll(ch, n)
    const startedMs = performance.now()
    await loopAtDepth(depth, ch, n)
    return perOp(startedMs, n)
  }
}

await measure({
  pingpong: async (n) => {
    const there = new PromiseChan()
    const back = new PromiseChan()
    void echo(there, back, n)
    const startedMs = performance.now()
    for (let i = 0; i < n; i += 2) {
      await there.send(i)
      await back.recv()
    }
    return perOp(startedMs, n)
  },
  call1: call(1),
  call5: call(5),
  call20: call(20),
  loop1: loop(1),
  loop5: loop(5),
  loop20: loop(20),
})
