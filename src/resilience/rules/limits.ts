/** A document of rules is this long at most, as JSON and as a file. */
export const maxDocumentBytes = 1024 * 1024
export const maxResources = 10_000
/** Of the name of a resource, in characters. */
export const maxNameLength = 256
/** Objects and arrays within one another. Only the value of a fallback has reason for more than four. */
export const maxDepth = 32
