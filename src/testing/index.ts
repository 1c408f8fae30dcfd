/** Virtual time, leaks and seeds, for tests. */
export { type Clock, VirtualClock } from '../runtime/clock.js'
export { type BubbleOptions, bubble, DeadlockError, waitIdle } from './bubble.js'
export { type LeakCheck, LeakError, leakCheck } from './leak-check.js'
export { forSeeds, SeedError } from './shuffle.js'
