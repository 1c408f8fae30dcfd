import type { Extension } from './extension.js'

/** Objects beyond data that cross threads. */
export const extensions: readonly Extension[] = []
