/** Every core: tasks on worker threads, and what they share. */
export { type MapOptions, TaskStream } from './task-stream.js'
export { type Task, type TaskBody, type TaskOptions, task } from './task.js'
export { WorkerDied } from './worker-died.js'
export { TaskNotFoundError } from './bodies.js'
