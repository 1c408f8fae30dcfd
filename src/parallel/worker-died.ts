import { SluiceError } from '../runtime/errors.js'

/** The worker thread that ran a task ended before the task did: `process.exit`, an uncaught error, out of memory. */
export class WorkerDied extends SluiceError {
  readonly code = 'ERR_SLUICE_WORKER_DIED'

  constructor(
    /** The name of the task. */
    readonly task: string,
    /** The number of the worker thread. */
    readonly worker: number,
    /** Why it ended. */
    readonly reason: string,
  ) {
    super(
      `task '${task}': worker ${worker}, which ran it, died: ${reason}. Whether the task had an effect is not known; declare it { idempotent: true } to have it run again`,
    )
  }
}
