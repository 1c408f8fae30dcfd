import { Errors } from 'typebox/schema'

/** A JSON Schema, as data. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Something of a value that its schema does not allow. */
export interface SchemaFault {
  /** The keyword that says so: `minimum`, `required`, `type`. */
  readonly keyword: string
  /** Where in the value, as a JSON Pointer. */
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
}

/** All that a schema does not allow of a value; none for a value that is valid. Compiles nothing, so it needs no `eval`. */
export function schemaFaults(schema: JsonSchema, value: unknown): readonly SchemaFault[] {
  // The boundary to the library: its types describe each keyword apart.
  return Errors(schema, value)[1] as readonly SchemaFault[]
}
