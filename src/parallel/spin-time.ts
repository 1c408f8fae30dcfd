/**
 * How long to look before going to sleep. A wake costs 15 µs and its sender 10, so it pays to look for as long; but where
 * both threads share a core, who looks keeps the other from bringing what is looked for. So looking that was in vain makes
 * the next one shorter, looking that found something makes it longer, and now and then the longest is tried anyhow.
 */
export class SpinTime {
  private currentMs: number
  private count = 0

  /** @param longestMs 0 where it never pays. */
  constructor(private readonly longestMs: number) {
    this.currentMs = longestMs
  }

  /** How long to look this time. */
  nextMs(): number {
    return ++this.count % exploreEvery === 0 ? this.longestMs : this.currentMs
  }

  note(found: boolean): void {
    if (found) this.currentMs = Math.min(this.longestMs, this.currentMs * 2)
    else this.currentMs = Math.max(this.longestMs / 16, this.currentMs / 2)
  }
}

const exploreEvery = 16
