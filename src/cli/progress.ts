import { SingleBar } from 'cli-progress'
import type { Plan, Run } from '../load/load-test.js'

/** Shows how far a run is: a bar on standard error if that is a terminal, nothing otherwise. */
export class Progress {
  private readonly bar: SingleBar | undefined

  constructor(private readonly plan: Plan) {
    if (!process.stderr.isTTY) return
    this.bar = new SingleBar({
      format: '{bar} {percentage}% | {rate} req/s | {errors} errors | {left} left',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
    })
    this.bar.start(1, 0, { rate: 0, errors: 0, left: '-' })
  }

  update({ results, elapsedMs }: Run): void {
    const { requests, durationMs } = this.plan
    const ended = results.responses + results.failures
    const byCount = requests === undefined ? 0 : ended / requests
    const left =
      requests === undefined
        ? `${Math.max(0, (durationMs - elapsedMs) / 1000).toFixed(1)}s`
        : `${requests - ended}`
    this.bar?.update(Math.min(1, Math.max(byCount, elapsedMs / durationMs)), {
      rate: Math.round((results.responses * 1000) / elapsedMs),
      errors: results.failures,
      left,
    })
  }

  stop(): void {
    this.bar?.stop()
  }
}
