#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { main } from '../main.js'
import { Canceled, SluiceError } from '../runtime/errors.js'
import { type Action, benchCommand } from './bench.js'

/** Exit code of a command that was called in a wrong way. */
const misuse = 2

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('sluice')
  .description('Go-grade concurrency for TypeScript: its tools.')
  .version(version)
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'sluice: ')) })
  .showHelpAfterError('(sluice --help lists the commands, sluice COMMAND --help their options)')
  .exitOverride()
program.addCommand(benchCommand(runAction).copyInheritedSettings(program))

try {
  program.parse()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? 0 : misuse
}

/** Runs a command; what it refuses becomes one line, without a stack. */
function runAction(action: Action): void {
  main(function* (ctx) {
    try {
      process.exit(yield* action(ctx))
    } catch (error) {
      // `main` has the exit code that belongs to the signal.
      if (error instanceof Canceled || !(error instanceof SluiceError)) throw error
      process.stderr.write(`sluice: ${error.message}\n`)
      process.exit(misuse)
    }
  })
}
