/**
 * A lock for a few words of shared memory, held for less than a microsecond. The word holds the number of the thread
 * that has it, so that the lock of a thread that died can be freed; what it guards is changed by single stores that
 * each leave it whole, so that nothing has to be repaired.
 *
 * Between `lock` and `unlock` there is straight-line code without calls of user code: a thread is ended only where it
 * enters a function, jumps back in a loop or allocates.
 */
export function lock(words: Int32Array, at: number, machine: number): void {
  if (Atomics.compareExchange(words, at, 0, machine) !== 0) lockContended(words, at, machine)
}

export function unlock(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0)
}

/** Frees a lock that a thread held when it died. */
export function unlockDead(words: Int32Array, at: number, machine: number): boolean {
  return Atomics.compareExchange(words, at, machine, 0) === machine
}

/** Tries before a waiter sleeps: the holder may have been put off its core by the system. */
const spins = 200

function lockContended(words: Int32Array, at: number, machine: number): void {
  for (let i = 0; ; i++) {
    const holder = Atomics.load(words, at)
    if (holder === 0 && Atomics.compareExchange(words, at, 0, machine) === 0) return
    // Nobody notifies: with so short a hold a bounded sleep is cheaper than waking by each unlock.
    if (i >= spins) Atomics.wait(words, at, holder, 0.05)
  }
}
