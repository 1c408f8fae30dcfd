/** A second main on the main thread, and one on a worker thread. */
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { main, wait } from 'sluice'

function refusal(): string {
  try {
    main(() => {})
    return 'not refused'
  } catch (error) {
    return String(error)
  }
}

if (!isMainThread) parentPort?.postMessage(refusal())
else {
  main(function* () {
    console.log(refusal())
    // What compiles this file here does not reach into worker threads by itself.
    const [self, compile] = [JSON.stringify(import.meta.url), 'tsx/esm/api']
    const worker = new Worker(`import('${compile}').then((tsx) => tsx.tsImport(${self}, ${self}))`, {
      eval: true,
    })
    console.log(yield* wait(new Promise((resolve) => worker.once('message', resolve))))
  })
}
