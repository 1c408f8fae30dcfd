import { mediaTypeOf } from './vendor/mime.js'

/** The Content-Type of a file by the ending of its name; text is taken for UTF-8. */
export function contentTypeOf(name: string): string {
  const type = mediaTypeOf(name)
  if (type === undefined) return 'application/octet-stream'
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type
}

const textual =
  /^(?:text\/(?!event-stream)|(?:application|image|model)\/[^;]*\+(?:json|xml|text)\b|application\/(?:json|javascript|xml|wasm|x-ndjson|ndjson|jsonl|yaml|toml|graphql|rtf|sql|manifest|vnd\.ms-fontobject|x-javascript|x-sh)\b|font\/(?:ttf|otf)\b|image\/(?:bmp|x-icon|vnd\.microsoft\.icon)\b)/i
