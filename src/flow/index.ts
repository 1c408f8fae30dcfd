/** Bounded concurrency: pools of tasks, pipelines, ordered streams. */
export { OrderedStream } from './ordered-stream.js'
export { type Pipeline, pipeline, type Source, type StageOptions } from './pipeline.js'
export { TaskPool, type TaskPoolOptions } from './task-pool.js'
