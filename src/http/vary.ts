import type { ResponseHeaders } from './response-headers.js'

/** Says that the response depends on a field of the request, so that caches keep one for each value of it. */
export function vary(headers: ResponseHeaders, field: string): void {
  const known = headers.get('vary')
  if (known === undefined) headers.set('Vary', field)
  else if (!isListed(known, field)) headers.set('Vary', `${known}, ${field}`)
}

function isListed(list: string, field: string): boolean {
  const names = list.split(',').map((each) => each.trim().toLowerCase())
  return names.includes('*') || names.includes(field.toLowerCase())
}
