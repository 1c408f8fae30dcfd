/** The lint rule for ESLint: `export default [sluice.configs.recommended]`. */
import { noForgottenOperation } from './no-forgotten-operation.js'

const rules = { 'no-forgotten-operation': noForgottenOperation }

/** Turns the rule on as an error. */
const recommended = {
  name: 'sluice/recommended',
  plugins: { sluice: { rules } },
  rules: { 'sluice/no-forgotten-operation': 'error' },
} as const

export const configs = { recommended }
export { rules }
