import { RuleTester } from 'eslint'
import tseslint from 'typescript-eslint'
import { afterAll, describe, it } from 'vitest'
import { rules } from 'sluice/eslint'

Object.assign(RuleTester, { afterAll }) // typed for later versions only
RuleTester.describe = describe
RuleTester.it = it
RuleTester.itOnly = it.only

type Rule = Parameters<RuleTester['run']>[1]
const rule = rules['no-forgotten-operation'] as unknown as Rule
const forgotten = (output: string) => [
  { messageId: 'forgotten', suggestions: [{ messageId: 'insert', output }] },
]

const header = `import { chan, go, sleep, scope, type Routine, type Operation } from 'sluice'
const ch = chan<number>(1)
function* helper(): Routine<number> { yield* sleep(1); return 1 }
`

new RuleTester({
  languageOptions: {
    parser: tseslint.parser,
    parserOptions: { projectService: { allowDefaultProject: ['*.ts'] }, tsconfigRootDir: process.cwd() },
  },
}).run('no-forgotten-operation, with types', rule, {
  valid: [
    `${header}function* f() { yield* ch.send(1) }`,
    `${header}async function f() { await ch.send(1) }`,
    `${header}function f(): Operation<void> { return ch.send(1) }`,
    `${header}function* f() { const op = ch.recv(); yield* op }`,
    `${header}go(helper)`,
    `${header}ch.trySend(1)`,
    `${header}function* f() { yield* helper() }`,
    `${header}function* numbers() { yield 1 }`,
    `${header}function* f(ok: boolean) { ok && (yield* ch.send(1)) }`,
  ],
  invalid: [
    {
      code: `${header}function* f() { ch.send(1) }`,
      errors: forgotten(`${header}function* f() { yield* ch.send(1) }`),
    },
    {
      code: `${header}async function f() { sleep(10) }`,
      errors: forgotten(`${header}async function f() { await sleep(10) }`),
    },
    { code: `${header}function f() { ch.recv() }`, errors: [{ messageId: 'forgotten' }] },
    {
      code: `${header}function* f() { helper() }`,
      errors: forgotten(`${header}function* f() { yield* helper() }`),
    },
    {
      code: `${header}function* f(ok: boolean) { ok && ch.send(1) }`,
      errors: forgotten(`${header}function* f(ok: boolean) { ok && (yield* ch.send(1)) }`),
    },
    {
      code: `${header}function* f() { void ch.send(1) }`,
      errors: forgotten(`${header}function* f() { void (yield* ch.send(1)) }`),
    },
    {
      code: `${header}function* f() { yield ch.recv() }`,
      errors: [
        {
          messageId: 'starless',
          suggestions: [{ messageId: 'insert', output: `${header}function* f() { yield * ch.recv() }` }],
        },
      ],
    },
  ],
})

new RuleTester().run('no-forgotten-operation, without types', rule, {
  valid: [
    "import { sleep } from 'sluice'; function* f() { yield* sleep(1) }",
    "import { sleep } from 'elsewhere'; sleep(1)",
    "import { go } from 'sluice'; go(() => {})",
  ],
  invalid: [
    {
      code: "import { sleep as pause } from 'sluice'; function* f() { pause(1) }",
      errors: forgotten("import { sleep as pause } from 'sluice'; function* f() { yield* pause(1) }"),
    },
    {
      code: "import { select } from 'sluice'; function* f() { yield select({}) }",
      errors: [
        {
          messageId: 'starless',
          suggestions: [
            {
              messageId: 'insert',
              output: "import { select } from 'sluice'; function* f() { yield * select({}) }",
            },
          ],
        },
      ],
    },
  ],
})
