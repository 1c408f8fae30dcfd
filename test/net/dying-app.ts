import { isMainThread } from 'node:worker_threads'

// Every other thread dies when it begins.
if (!isMainThread) process.exit(1)

export const handler = { frame() {} }
