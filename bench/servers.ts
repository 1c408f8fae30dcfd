/** The servers of the suite `http`: ours and the peers'. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { bundle, file, isInstalled } from './build.js'

/** A program that prints its port and serves; README.md says what. */
export interface Server {
  readonly name: ServerName
  readonly command: readonly string[]
  /** Of what it is made of. */
  readonly version: string
}

export type OurServer = 'goroutine handlers' | 'plain handlers' | 'a Hono app'
export type ServerPeer = 'node:http' | 'fastify' | 'hono' | 'go net/http' | 'gin' | 'fasthttp' | 'bun'
export type ServerName = OurServer | ServerPeer

export const servers = new Map<ServerName, Server>()

// As it is deployed on one core, as Go's are told by GOMAXPROCS, and with what lets the idle case collect garbage before
// it counts bytes. Without the first flag V8 collects with four threads, which compete for the core.
const node = ['env', 'NODE_ENV=production', process.execPath, '--single-threaded-gc', '--expose-gc']

/** Compiles what is installed; what is not is named on standard error and left out. */
export async function buildServers(): Promise<void> {
  if (spawnSync('wrk', ['-v']).error !== undefined) {
    console.error('bench: wrk asks the servers and is not installed; `npm run bench:peers` installs it')
    return
  }
  await bundle('programs/idle-connections.ts', '.build/idle-connections.mjs')
  await bundle('programs/sluice-http.ts', '.build/sluice-http.mjs')
  const zod = isInstalled('zod') ? `zod ${versionOf('zod')}` : '' // without the peers it is the one of the tests
  add('goroutine handlers', [...node, '.build/sluice-http.mjs', 'goroutine'], zod)
  add('plain handlers', [...node, '.build/sluice-http.mjs', 'plain'], '')
  await addNode('node:http', 'node-http', [])
  await addNode('fastify', 'fastify', ['fastify'])
  await addNode('hono', 'hono', ['hono', '@hono/node-server'])
  if (isInstalled('hono')) {
    await bundle('peers/http/hono-on-sluice.ts', '.build/http-hono-on-sluice.mjs')
    add('a Hono app', [...node, '.build/http-hono-on-sluice.mjs'], '')
  }
  await addBun()
  addGo('go net/http', 'net-http')
  addGo('gin', 'gin', 'golang-github-gin-gonic-gin-dev')
  addGo('fasthttp', 'fasthttp', 'golang-github-valyala-fasthttp-dev')
}

function add(name: ServerName, command: readonly string[], version: string): void {
  servers.set(name, { name, command, version })
}

function leaveOut(name: ServerName, why: string): void {
  console.error(`bench: ${name} is left out (${why}); \`npm run bench:peers\` installs it`)
}

async function addNode(name: ServerName, program: string, packages: readonly string[]): Promise<void> {
  const missing = packages.find((each) => !isInstalled(each))
  if (missing !== undefined) return leaveOut(name, `${missing} is not installed`)
  await bundle(`peers/http/${program}.ts`, `.build/http-${program}.mjs`)
  const versions = packages.map((each) => `${each} ${versionOf(each)}`)
  add(name, [...node, `.build/http-${program}.mjs`], versions.join(' with '))
}

function versionOf(name: string): string {
  // Every package has one.
  return (JSON.parse(readFileSync(file(`node_modules/${name}/package.json`), 'utf8')) as { version: string })
    .version
}

/** npm chooses Bun's program for this machine; the package `bun` itself would download one when it is installed. */
async function addBun(): Promise<void> {
  const scope = file('node_modules/@oven')
  const builds = existsSync(scope) ? readdirSync(scope) : []
  const programs = builds.map((each) => `${scope}/${each}/bin/bun`)
  const program = programs.find((each) => spawnSync(each, ['--version']).status === 0)
  if (program === undefined) return leaveOut('bun', 'there is none that runs here')
  await bundle('peers/http/bun.ts', '.build/http-bun.mjs')
  add('bun', [program, '.build/http-bun.mjs'], `bun ${versionOf('bun')}`)
}

function addGo(name: ServerName, program: string, debianPackage?: string): void {
  const source = (each: string) => file(`peers/http/go/${each}.go`)
  const binary = file(`.build/http-go-${program}`)
  const go = spawnSync('go', ['build', '-o', binary, source(program), source('adapter')], {
    env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
    encoding: 'utf8',
  })
  if (go.status !== 0) {
    const why = go.error === undefined ? go.stderr.trim().split('\n').at(-1) : 'Go is not installed'
    leaveOut(name, why ?? 'it does not compile')
    return
  }
  const version = debianPackage === undefined ? '' : `${name} ${debianVersion(debianPackage)}`
  add(name, ['env', 'GOMAXPROCS=1', binary], version)
}

/** Without the package's name, which its line begins with. */
function debianVersion(name: string): string {
  const { stdout } = spawnSync('dpkg-query', ['--show', name], { encoding: 'utf8' })
  return stdout.trim().split('\t')[1] ?? ''
}
