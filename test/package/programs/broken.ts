import { workerData } from 'node:worker_threads'
import { task } from 'sluice/parallel'

export const broken = task(import.meta.url, 'broken', (n: number) => n)

const { sluice } = (workerData ?? {}) as { sluice?: unknown }
if (sluice !== undefined) throw new TypeError('not in a worker')
