const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Sun, 06 Nov 1994 08:49:37 GMT`, and the two forms that nobody sends any more. */
const forms = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
]

/**
 * A date of a header field, in ms since the Unix epoch; `undefined` for what is none. `Date.parse` takes far more, and
 * one of the three forms for local time. Source: RFC 9110, 5.6.7.
 */
export function parseHttpDate(text: string): number | undefined {
  for (const form of forms) {
    const parts = form.exec(text)?.groups
    if (parts !== undefined) return msOf(parts)
  }
  return undefined
}

function msOf({ day = '', month = '', year = '', time = '' }: Record<string, string>): number | undefined {
  const index = months.indexOf(month)
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number)
  if (index < 0 || hours > 23 || minutes > 59 || seconds > 60) return undefined
  const ms = Date.UTC(
    year.length === 2 ? inCentury(Number(year)) : Number(year),
    index,
    Number(day),
    hours,
    minutes,
    seconds,
  )
  return new Date(ms - (seconds === 60 ? 1000 : 0)).getUTCDate() === Number(day) ? ms : undefined // no 31st of June
}

/** Two digits that seem to be more than 50 years in the future are of the past century. */
function inCentury(year: number): number {
  const thisYear = new Date().getUTCFullYear()
  const inThis = thisYear - (thisYear % 100) + year
  return inThis > thisYear + 50 ? inThis - 100 : inThis
}
