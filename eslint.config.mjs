// Biome does the rest; this is the rule that the package ships, on its own code.
import * as sluice from 'sluice/eslint'
import tseslint from 'typescript-eslint'

export default [
  { ignores: ['**/node_modules/**', 'dist/**', 'bench/.build/**', 'test/e2e/programs/forgotten.ts'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'examples/**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    ...sluice.configs.recommended,
  },
]
