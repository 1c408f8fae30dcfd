import Negotiator from 'negotiator'

/**
 * The content coding, of those that are `available`, that an Accept-Encoding asks for; of several it likes equally, the
 * first that is available. `undefined` if it takes none of them. Source: RFC 9110, 12.5.3.
 */
export function preferredEncoding(accepted: string, available: readonly string[]): string | undefined {
  const negotiator = new Negotiator({ headers: { 'accept-encoding': accepted } })
  // The boundary to the library: its types, which come from elsewhere, lack the second parameter.
  const encoding = negotiator.encoding as unknown as Encoding
  return encoding.call(negotiator, available, { preferred: available })
}

type Encoding = (
  this: Negotiator,
  available: readonly string[],
  options: { preferred: readonly string[] },
) => string | undefined
