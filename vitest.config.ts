import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = fileURLToPath(new URL('./src', import.meta.url))

export default defineConfig({
  resolve: {
    // Tests speak to the doors by their public names, and run the sources.
    alias: [
      { find: /^sluice$/, replacement: `${src}/index.ts` },
      { find: /^sluice\/([a-z-]+)$/, replacement: `${src}/$1/index.ts` },
    ],
  },
  test: {
    reporters: ['verbose'],
    // A process a file: goroutine leaks, unhandled failures and collected garbage cannot cross files.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // Ten times what the slowest takes: a machine that others keep busy must not fail a test.
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/e2e/**', '**/node_modules/**'],
          typecheck: {
            enabled: true,
            include: ['src/**/*.test-d.ts', 'test/**/*.test-d.ts'],
            tsconfig: './tsconfig.json',
          },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // Real processes and sockets: two at once would disturb each other's timing.
          fileParallelism: false,
        },
      },
    ],
  },
})
