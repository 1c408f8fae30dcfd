/**
 * Objects beyond data that cross threads all the same, as a shared channel does: what crosses is plain data from which
 * the other thread makes its own. They have a class of their own; plain objects are not asked about.
 */
export interface Extension {
  /** From 0 to 31, the same on every thread. */
  readonly tag: number
  matches(value: object): boolean
  /** Plain data. Without effects: an encoding may be thrown away and done again. */
  pack(value: object): unknown
  unpack(data: unknown): unknown
}
