import { fileURLToPath } from 'node:url'

// biome-ignore lint/style/noDefaultExport: Vitest asks for one.
export default {
  resolve: { alias: { '@': fileURLToPath(new URL('.', import.meta.url)) } },
}
