import { hostProcess } from '../runtime/host.js'

const numbers = { SIGINT: 2, SIGTERM: 15 } as const

/** What a server does on SIGTERM and SIGINT: the first one ends it in good order, a second one the process at once. */
export class Signals implements Disposable {
  private isLast = false

  constructor(
    private readonly isActive: boolean,
    private readonly stop: () => void,
  ) {
    if (!isActive) return
    hostProcess?.on('SIGINT', this.onInterrupt)
    hostProcess?.on('SIGTERM', this.onTerminate)
  }

  /** The shutdown has begun, for whatever reason: whoever asks again means it. */
  exitAtNext(): void {
    this.isLast = true
  }

  [Symbol.dispose](): void {
    if (!this.isActive) return
    hostProcess?.off('SIGINT', this.onInterrupt)
    hostProcess?.off('SIGTERM', this.onTerminate)
  }

  private readonly onInterrupt = (): void => this.receive('SIGINT')
  private readonly onTerminate = (): void => this.receive('SIGTERM')

  private receive(name: keyof typeof numbers): void {
    if (this.isLast) hostProcess?.exit(128 + numbers[name])
    this.isLast = true
    this.stop()
  }
}
