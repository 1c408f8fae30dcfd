import type { Processor } from './processor.js'

/** The processor of this thread: the one thing that all of this folder finds without being given it. */
let present: Processor | undefined
let start: (() => Processor) | undefined

/** Says how the first use makes this thread the root of a machine; see machine.ts. */
export function startBy(starter: () => Processor): void {
  start = starter
}

/** Says which processor this thread is; `undefined` when it is none any more. */
export function becomes(processor: Processor | undefined): void {
  present = processor
}

/** The processor of this thread. The first use starts the machine. */
export function thisProcessor(): Processor {
  if (present === undefined) {
    if (start === undefined) throw new Error('sluice/parallel is entered by its door')
    present = start()
  }
  return present
}

/** The processor of this thread, if it has one already. */
export function presentProcessor(): Processor | undefined {
  return present
}
