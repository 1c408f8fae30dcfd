import { type ParseArgsConfig, parseArgs } from 'node:util'

/** What the command line says, as text; a wrong option ends the program with a sentence about it. */
export function options<T extends NonNullable<ParseArgsConfig['options']>>(names: T) {
  try {
    return parseArgs({ options: names, allowPositionals: true })
  } catch (error) {
    return refuse(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error))
  }
}

/** The value of an option that is a whole number between two others. */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value
  return refuse(`--${name} ${text} is not a whole number from ${least} to ${most}`)
}

export function refuse(message: string): never {
  console.error(message)
  process.exit(2)
}
