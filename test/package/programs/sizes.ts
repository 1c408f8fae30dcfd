// biome-ignore lint/style/noEnum: Node's own type stripping does not read enums, and users have them.
export enum Size {
  Small,
  Big,
}
