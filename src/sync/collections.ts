/**
 * Calls `listener` after each major garbage collection for as long as `owner` lives. There is no such event; but V8
 * clears weak references in major collections only, so an object that nobody holds tells of the next one.
 */
export function onMajorCollection(owner: object, listener: () => void): void {
  listeners.set(owner, listener)
  notices ??= new FinalizationRegistry((reference) => {
    const living = reference.deref()
    if (living === undefined) return
    notices?.register({}, reference)
    listeners.get(living)?.()
  })
  notices.register({}, new WeakRef(owner))
}

const listeners = new WeakMap<object, () => void>()
let notices: FinalizationRegistry<WeakRef<object>> | undefined
