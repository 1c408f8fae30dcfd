/** The same work over promises, written as one would by hand: a channel without buffer, and one task that wakes another. */
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

/** One task asks and waits, another wakes it and waits to be asked: every wait ends by the other's call. */
class Desk {
  private answer: (value: number) => void = () => {}
  private asked: () => void = () => {}

  ask(): Promise<number> {
    return new Promise((resolve) => {
      this.answer = resolve
      this.asked()
    })
  }

  async serve(n: number): Promise<void> {
    for (let i = 0; i < n; i++) {
      await new Promise<void>((resolve) => {
        this.asked = resolve
      })
      this.answer(i)
    }
  }
}

async function echo(there: PromiseChan, back: PromiseChan, n: number): Promise<void> {
  for (let i = 0; i < n; i += 2) await back.send(await there.recv())
}

async function parkAtDepth(depth: number, desk: Desk): Promise<number> {
  return depth === 1 ? await desk.ask() : await parkAtDepth(depth - 1, desk)
}

async function loopAtDepth(depth: number, desk: Desk, n: number): Promise<void> {
  if (depth === 1) for (let i = 0; i < n; i++) await desk.ask()
  else await loopAtDepth(depth - 1, desk, n)
}

function call(depth: number): Case {
  return async (n) => {
    const desk = new Desk()
    void desk.serve(n)
    const startedMs = performance.now()
    for (let i = 0; i < n; i++) await parkAtDepth(depth, desk)
    return perOp(startedMs, n)
  }
}

function loop(depth: number): Case {
  return async (n) => {
    const desk = new Desk()
    void desk.serve(n)
    const startedMs = performance.now()
    await loopAtDepth(depth, desk, n)
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
