/** The classes of fetch as they were before light ones stood in for them. */
export interface Platform {
  readonly Request: typeof Request
  readonly Response: typeof Response
  readonly Headers: typeof Headers
  readonly fetch: typeof fetch
}

let known: Platform | undefined

/** Node loads its fetch when somebody asks for it, which takes some 20 ms: so nobody does before there is a fetch handler. */
export function platform(): Platform {
  known ??= { Request, Response, Headers, fetch }
  return known
}

/**
 * Puts the prototype of a light class in front of a platform's, so that `instanceof` holds. What the light one does not
 * have itself, now or in a later Node, is asked of an object of the platform: inherited as it is, it would look for
 * what only such an object has inside.
 */
export function standIn<T extends object>(light: T, real: object, instead: (self: T) => object): void {
  Object.setPrototypeOf(light, real)
  Object.defineProperty(light, 'constructor', { value: real.constructor, writable: true, configurable: true })
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(real))) {
    if (Object.hasOwn(light, name)) continue
    const { get, value } = property
    if (get !== undefined) {
      Object.defineProperty(light, name, {
        ...property,
        get(this: T) {
          return get.call(instead(this))
        },
      })
    } else if (typeof value === 'function') {
      const method = value as (...args: unknown[]) => unknown // what a prototype has as a function
      Object.defineProperty(light, name, {
        ...property,
        value(this: T, ...args: unknown[]) {
          return method.apply(instead(this), args)
        },
      })
    }
  }
}
