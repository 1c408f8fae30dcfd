import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** How modules are read on this thread: the specifiers they may use, and whether they may be TypeScript. */
type Load = (url: string) => Promise<unknown>

/** No installed loader reads TypeScript. */
export class NoLoaderError extends Error {}

/** The name under which bootCode() says that the program runs under Vitest: the root of its project. */
export const vitestHook = Symbol.for('sluice.vitestRoot')

let tsx: Promise<Load> | undefined
let vite: Promise<Load> | undefined

/** tsx reads this thread's modules already. */
export function noteLoader(): void {
  tsx = Promise.resolve(importIt)
}

/**
 * Imports a module of the program as the thread that defined the task did. Under Vitest that is through Vite, with the
 * project's own configuration: its aliases, plugins, `import.meta.env` and TypeScript mean the same on every thread.
 * Elsewhere it is Node, which on Node 20 does not apply `--import tsx` to worker threads, so that tsx is registered here.
 */
export async function loadModule(url: string): Promise<unknown> {
  const load = await loaderFor(url)
  return load(url)
}

export function isTypeScript(url: string): boolean {
  return /\.[cm]?tsx?$/.test(url)
}

function loaderFor(url: string): Promise<Load> | Load {
  if (tsx !== undefined) return tsx
  const root = (globalThis as { [vitestHook]?: string })[vitestHook]
  if (root !== undefined && isSource(url)) {
    vite ??= startVite(root)
    return vite
  }
  if (!isTypeScript(url)) return importIt
  // tsx maps `./x.js` to x.ts and reads enums, which Node's own type stripping does not; so it comes first.
  const api = resolveFrom([url, besides(process.cwd())], 'tsx/esm/api')
  if (api !== undefined) {
    tsx = registerTsx(api)
    return tsx
  }
  if (nodeReadsTypeScript()) return importIt
  throw new NoLoaderError('Node reads no TypeScript here, and tsx is not installed')
}

const importIt: Load = (url) => import(url)

function nodeReadsTypeScript(): boolean {
  const { typescript } = process.features as { typescript?: string | false }
  return typescript !== undefined && typescript !== false
}

async function registerTsx(api: string): Promise<Load> {
  const { register } = (await import(asModule(api))) as { register(): unknown }
  register()
  return importIt
}

/** The address to import of tsx's API, which `require` finds as its CommonJS twin. */
export function asModule(path: string): string {
  return pathToFileURL(path.replace(/\.cjs$/, '.mjs')).href
}

// ---- Vitest

/** What Vitest says of the thread it runs tests on, since version 0.1. */
interface VitestThread {
  readonly __vitest_worker__?: { readonly config?: { readonly root?: string } }
}

/** The root of the project whose tests this thread runs; `undefined` outside Vitest. */
export function vitestRoot(): string | undefined {
  const { __vitest_worker__: thread } = globalThis as VitestThread
  return thread && (thread.config?.root ?? process.cwd())
}

interface Vite {
  createServer(options: object): Promise<ViteServer>
  /** Since Vite 6. */
  createServerModuleRunner?(environment: unknown, options: object): { import(path: string): Promise<unknown> }
}

interface ViteServer {
  readonly environments: { readonly ssr: unknown }
  ssrLoadModule(path: string): Promise<unknown>
}

interface ViteConfig {
  test?: { readonly alias?: unknown }
  optimizeDeps?: { include?: string[] }
}

/** A server of this thread's own, that listens and watches nothing: some 250 ms, once a thread. */
async function startVite(root: string): Promise<Load> {
  const path = viteOf(root)
  if (path === undefined) throw new NoLoaderError(`Vitest's vite was not found from ${root}`)
  const { createServer, createServerModuleRunner } = (await import(pathToFileURL(path).href)) as Vite
  const server = await createServer({
    root,
    configFile: configOf(root) ?? false,
    mode: process.env['MODE'] ?? 'test',
    appType: 'custom',
    logLevel: 'error',
    server: { middlewareMode: true, hmr: false, ws: false, watch: null, preTransformRequests: false },
    optimizeDeps: { noDiscovery: true },
    // A linked package would be read anew, and so be another module than the one this thread runs.
    ssr: { external: ['sluice'] },
    plugins: [{ name: 'sluice', enforce: 'post', config: asVitestDoes }],
  })
  // The runner maps stacks to the source, which ssrLoadModule does not.
  const runner = createServerModuleRunner?.(server.environments.ssr, { hmr: false })
  return (url) => {
    const file = fileURLToPath(url)
    return runner === undefined ? server.ssrLoadModule(file) : runner.import(file)
  }
}

/** The part of Vitest's own reading of the configuration that decides what a module means. */
function asVitestDoes(config: ViteConfig): object {
  if (config.optimizeDeps !== undefined) config.optimizeDeps.include = []
  return { resolve: { alias: config.test?.alias ?? [] } }
}

/** The Vite that Vitest brings, which the project itself need not have. */
function viteOf(root: string): string | undefined {
  const vitest = resolveFrom([besides(root), besides(process.cwd())], 'vitest/package.json')
  return vitest && resolveFrom([vitest], 'vite')
}

/** The file that Vitest takes by itself, too. */
function configOf(root: string): string | undefined {
  const names = ['vitest.config', 'vite.config']
  const endings = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']
  const files = names.flatMap((name) => endings.map((ending) => join(root, name + ending)))
  return files.find((file) => existsSync(file))
}

/** Vitest leaves what is installed to Node; and this library, which may be linked, runs on this thread already. */
function isSource(url: string): boolean {
  const own = new URL('../', import.meta.url).href
  return url.startsWith('file:') && !url.includes('/node_modules/') && !url.startsWith(own)
}

// ---- finding what is installed

function besides(folder: string): string {
  return join(folder, 'any.js')
}

/** The file that `name` means in the first of these modules that knows it. */
function resolveFrom(modules: readonly string[], name: string): string | undefined {
  for (const module of modules) {
    try {
      return createRequire(module).resolve(name)
    } catch {
      // Not installed where this module looks.
    }
  }
  return undefined
}
