/** What the rule asks of TypeScript's types. Declared here, so that the package depends on no version of it. */

export interface Type {
  isUnion(): this is { readonly types: readonly Type[] }
  getProperty(name: string): unknown
  getSymbol(): { readonly name: string } | undefined
}

export interface TypeChecker {
  getTypeArguments(type: Type): readonly Type[]
}

export interface Program {
  getTypeChecker(): TypeChecker
}
