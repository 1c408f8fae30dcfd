import type { Program, Type, TypeChecker } from './typescript.js'

/**
 * The lint rule `no-forgotten-operation`: an operation that is made and never started does nothing, silently. It is
 * found where its value is dropped (`ch.send(1)` as a statement), and where `yield` lacks its star.
 *
 * With type information (typescript-eslint's project service) any expression of type `Operation` or `Routine` is found;
 * without, only direct calls of the functions that `sluice` exports.
 */
export const noForgottenOperation = {
  meta: {
    type: 'problem',
    hasSuggestions: true,
    docs: { description: 'An operation must be yielded, awaited, returned or passed on.' },
    messages: {
      forgotten:
        'This operation is made and never started: write `yield* {{text}}` (or `await` it in async code).',
      starless: '`yield` of an operation lacks its star: write `yield* {{text}}`.',
      insert: 'Insert `{{keyword}}`.',
    },
    schema: [],
  },
  create(context: RuleContext): Record<string, (node: Node) => void> {
    const makesOperation = operationTest(context)
    return {
      ExpressionStatement(node) {
        for (const dropped of droppedValues(node.expression)) {
          if (makesOperation(dropped)) reportForgotten(context, dropped)
        }
      },
      YieldExpression(node) {
        const { argument } = node
        if (node.delegate === true || argument == null || !makesOperation(argument)) return
        const text = shorten(context.sourceCode.getText(argument))
        const fix = (fixer: Fixer) => fixer.insertTextBefore(argument, '* ')
        context.report({
          node,
          messageId: 'starless',
          data: { text },
          suggest: [{ messageId: 'insert', data: { keyword: '*' }, fix }],
        })
      },
    }
  },
}

/** What the rule needs of an ESTree node. */
export interface Node {
  readonly type: string
  readonly parent?: Node | null
  readonly expression?: Node | null
  readonly expressions?: readonly Node[]
  readonly argument?: Node | null
  readonly left?: Node | null
  readonly right?: Node | null
  readonly consequent?: Node | null
  readonly alternate?: Node | null
  readonly callee?: Node | null
  readonly specifiers?: readonly {
    readonly local: { readonly name: string }
    readonly imported?: { readonly name?: string }
  }[]
  readonly source?: { readonly value?: unknown } | null
  readonly body?: readonly Node[]
  readonly name?: string
  readonly operator?: string
  readonly delegate?: boolean
  readonly generator?: boolean
  readonly async?: boolean
}

export interface Fixer {
  insertTextBefore(node: Node, text: string): unknown
  insertTextAfter(node: Node, text: string): unknown
}

export interface Suggestion {
  readonly messageId: string
  readonly data: Record<string, string>
  readonly fix: (fixer: Fixer) => unknown
}

export interface RuleContext {
  readonly sourceCode: {
    readonly ast: Node
    readonly parserServices?: {
      readonly program?: Program | null
      getTypeAtLocation?(node: Node): Type
    }
    getText(node: Node): string
  }
  report(problem: {
    node: Node
    messageId: string
    data: Record<string, string>
    suggest: readonly Suggestion[]
  }): void
}

/** The parts of a statement's expression whose value nobody uses. */
function droppedValues(node: Node | null | undefined): Node[] {
  switch (node?.type) {
    case undefined:
      return []
    case 'SequenceExpression':
      return (node?.expressions ?? []).flatMap(droppedValues)
    case 'UnaryExpression':
      return node?.operator === 'void' ? droppedValues(node.argument) : []
    case 'LogicalExpression':
      return droppedValues(node?.right)
    case 'ConditionalExpression':
      return [...droppedValues(node?.consequent), ...droppedValues(node?.alternate)]
    case 'AssignmentExpression':
    case 'YieldExpression':
    case 'AwaitExpression':
      return []
    default:
      return node === null || node === undefined ? [] : [node]
  }
}

function reportForgotten(context: RuleContext, node: Node): void {
  const keyword = startingKeyword(node)
  const data = { text: shorten(context.sourceCode.getText(node)) }
  if (keyword === undefined) {
    context.report({ node, messageId: 'forgotten', data, suggest: [] })
    return
  }
  // Inside another expression `yield*` needs parentheses.
  const whole = node.parent?.type === 'ExpressionStatement'
  const fix = (fixer: Fixer) => [
    fixer.insertTextBefore(node, `${whole ? '' : '('}${keyword} `),
    fixer.insertTextAfter(node, whole ? '' : ')'),
  ]
  context.report({
    node,
    messageId: 'forgotten',
    data,
    suggest: [{ messageId: 'insert', data: { keyword }, fix }],
  })
}

/** What starts an operation where `node` stands; nothing does in a plain function. */
function startingKeyword(node: Node): 'yield*' | 'await' | undefined {
  let around: Node | null | undefined = node.parent
  while (around != null && !/Function/.test(around.type)) around = around.parent
  if (around?.generator === true && around.async !== true) return 'yield*'
  return around?.async === true ? 'await' : undefined
}

function operationTest(context: RuleContext): (node: Node) => boolean {
  const { ast, parserServices } = context.sourceCode
  const checker = parserServices?.program?.getTypeChecker()
  if (checker !== undefined && parserServices?.getTypeAtLocation !== undefined) {
    return (node) => isOperation(checker, parserServices.getTypeAtLocation?.(node))
  }
  const makers = importedMakers(ast)
  return (node) => node.type === 'CallExpression' && makers.has(node.callee?.name ?? '')
}

/** An `Operation`, by the three verbs of its protocol, or a generator that yields to the scheduler. */
function isOperation(checker: TypeChecker, type: Type | undefined): boolean {
  if (type === undefined) return false
  if (type.isUnion()) return type.types.some((each) => isOperation(checker, each))
  if (['attempt', 'park', 'unpark', 'waitReason'].every((name) => type.getProperty(name) !== undefined))
    return true
  if (type.getSymbol()?.name !== 'Generator') return false
  return checker.getTypeArguments(type)[0]?.getSymbol()?.name === 'Parked'
}

const makersOfSluice = new Set(['sleep', 'after', 'wait', 'select', 'yieldNow', 'goexit', 'scope'])

/** The local names of the functions of `sluice` that make operations. */
function importedMakers({ body = [] }: Node): Set<string> {
  const imports = body.filter(
    ({ type, source }) => type === 'ImportDeclaration' && source?.value === 'sluice',
  )
  const specifiers = imports.flatMap((node) => node.specifiers ?? [])
  return new Set(
    specifiers
      .filter(({ imported }) => makersOfSluice.has(imported?.name ?? ''))
      .map(({ local }) => local.name),
  )
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 40 ? `${line.slice(0, 37)}...` : line
}
