import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TlsError } from './tls-error.js'
import { ServerNames } from './tls-names.js'

/** Contents of a PEM file: `-----BEGIN CERTIFICATE-----` and so on. Never the name of one. */
export type Pem = string | Uint8Array

/** A certificate and its key, each as PEM or as the name of a PEM file. */
export interface CertificateOptions {
  /** The certificate in PEM, followed by those that lead to the root, if any. */
  cert?: Pem
  /** Its private key in PEM. */
  key?: Pem
  /** Instead of `cert`, the file that holds it: read again when it changes. */
  certFile?: string | URL
  /** Instead of `key`, the file that holds it: read again when it changes. */
  keyFile?: string | URL
  /** What the key is encrypted with, if it is. */
  passphrase?: string
}

/** What `setCertificates` replaces while a server runs. */
export interface Certificates extends CertificateOptions {
  /** The authorities whose clients are let in, in PEM: several in one text, or in a list. */
  ca?: Pem | readonly Pem[]
  /** Instead of `ca`, the file that holds them. */
  caFile?: string | URL
  /** Certificates by the name that the client asks for: `'example.com'`, `'*.example.com'`. Others get `cert`. */
  sni?: Readonly<Record<string, CertificateOptions>> | SniCallback
}

/** Gives the certificate for a name, or `undefined` for the usual one. Return the same object again: what is made of it is kept. */
export type SniCallback = (
  serverName: string,
) => CertificateOptions | undefined | PromiseLike<CertificateOptions | undefined>

/** A certificate and a key that belong together. */
export interface Pair {
  readonly cert: string
  readonly key: string
  readonly passphrase?: string
}

/** Everything a server shows and trusts, read and checked: plain data. */
export interface Material {
  readonly pair: Pair
  readonly ca: string | undefined
  readonly sni: Readonly<Record<string, Pair>> | SniCallback | undefined
}

/** Reads what is in files and checks that all of it can be used. @throws TlsError that names the option. */
export function materialOf(given: Certificates): Material {
  return { pair: pairOf(given, 'tls'), ca: authoritiesOf(given), sni: namesOf(given.sni) }
}

/** The files that the certificates are in. */
export function filesOf({ sni, ...own }: Certificates): string[] {
  const all = typeof sni === 'object' ? [own, ...Object.values(sni)] : [own]
  return all
    .flatMap((each: Certificates) => [each.certFile, each.keyFile, each.caFile])
    .filter((each) => each !== undefined)
    .map(pathOf)
}

/** @internal A certificate with its key, checked. @param at the option that they belong to: `tls`. */
export function pairOf(given: CertificateOptions, at: string): Pair {
  if (typeof given !== 'object' || given === null)
    throw new TlsError(at, `has to be { cert, key } or { certFile, keyFile }, not ${String(given)}`)
  const cert = contents(given, 'cert', at)
  const key = contents(given, 'key', at)
  const { passphrase } = given
  const leaf = certificatesIn(cert.text, cert.option)[0]
  if (leaf?.checkPrivateKey(privateKey(key, passphrase, at)) !== true) {
    throw new TlsError(
      key.option,
      `does not belong to the certificate of ${cert.option} (${leaf?.subject.replaceAll('\n', ', ')}): the first certificate there has to be the server's own, and the key the one it was made with`,
    )
  }
  return { cert: cert.text, key: key.text, ...(passphrase !== undefined && { passphrase }) }
}

interface Contents {
  readonly text: string
  readonly option: string
}

function contents(given: CertificateOptions, what: 'cert' | 'key', at: string): Contents {
  const { [what]: pem, [`${what}File` as const]: file } = given
  if (pem !== undefined && file !== undefined)
    throw new TlsError(`${at}.${what}`, `is given as PEM and as ${what}File: leave one of them out`)
  if (file !== undefined) return { text: readFile(file, `${at}.${what}File`), option: `${at}.${what}File` }
  if (pem === undefined)
    throw new TlsError(`${at}.${what}`, `is missing: give the PEM text, or the name of a file as ${what}File`)
  return { text: textOf(pem, `${at}.${what}`), option: `${at}.${what}` }
}

function readFile(file: string | URL, option: string): string {
  const path = pathOf(file)
  try {
    // At once, so that `serve` fails where it was called; later it is read off the loop's turn, a few times a year.
    return readFileSync(path, 'latin1')
  } catch (error) {
    const problem = (error as { code?: string }).code === 'ENOENT' ? 'does not exist' : messageOf(error)
    throw new TlsError(option, `cannot be read: ${path} ${problem}`, error)
  }
}

function pathOf(file: string | URL): string {
  if (file instanceof URL || file.startsWith('file:')) return fileURLToPath(file)
  return isAbsolute(file) ? file : resolve(file)
}

function textOf(pem: Pem, option: string): string {
  if (pem instanceof Uint8Array) return Buffer.from(pem).toString('latin1')
  if (typeof pem === 'string') return pem
  throw new TlsError(option, `has to be PEM, a string or a Uint8Array, not ${typeof pem}`)
}

const certificateBlock = /-----BEGIN (?:X509 )?CERTIFICATE-----[^-]*-----END (?:X509 )?CERTIFICATE-----/g

function certificatesIn(text: string, option: string): X509Certificate[] {
  const blocks = text.match(certificateBlock)
  if (blocks === null) throw notPem(text, option, 'CERTIFICATE')
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new TlsError(
        option,
        `holds a certificate that is damaged, number ${i + 1}: ${messageOf(error)}`,
        error,
      )
    }
  })
}

function privateKey({ text, option }: Contents, passphrase: string | undefined, at: string): KeyObject {
  if (!/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(text)) throw notPem(text, option, 'PRIVATE KEY')
  try {
    return createPrivateKey({ key: text, ...(passphrase !== undefined && { passphrase }) })
  } catch (error) {
    if (passphrase === undefined && /BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text))
      throw new TlsError(option, `is encrypted: give ${at}.passphrase`, error)
    const hint =
      passphrase === undefined ? 'it is damaged' : `${at}.passphrase is another one, or it is damaged`
    throw new TlsError(option, `cannot be read: ${hint} (${messageOf(error)})`, error)
  }
}

function notPem(text: string, option: string, label: string): TlsError {
  const isFile = option.endsWith('File')
  const isName = !isFile && !text.includes('\n') && text.length < 4096
  const hint = isName ? `; for the name of a file write ${option}File` : ''
  return new TlsError(
    option,
    `holds no PEM: a block that begins with -----BEGIN ${label}----- is expected${hint}`,
  )
}

function authoritiesOf({ ca, caFile }: Certificates): string | undefined {
  if (ca !== undefined && caFile !== undefined)
    throw new TlsError('tls.ca', 'is given as PEM and as caFile: leave one of them out')
  if (ca === undefined && caFile === undefined) return undefined
  const option = caFile === undefined ? 'tls.ca' : 'tls.caFile'
  const list: readonly Pem[] = ca === undefined ? [] : Array.isArray(ca) ? ca : [ca as Pem] // isArray knows no readonly
  const text =
    caFile === undefined ? list.map((each) => textOf(each, option)).join('\n') : readFile(caFile, option)
  certificatesIn(text, option)
  return text
}

function namesOf(sni: Certificates['sni']): Material['sni'] {
  if (sni === undefined || typeof sni === 'function') return sni
  if (typeof sni !== 'object' || sni === null)
    throw new TlsError(
      'tls.sni',
      `has to be an object of certificates by name, or a function, not ${String(sni)}`,
    )
  const names = new ServerNames<true>()
  const pairs: Record<string, Pair> = Object.create(null)
  for (const [name, given] of Object.entries(sni)) {
    names.add(name, true)
    pairs[name] = pairOf(given, `tls.sni['${name}']`)
  }
  return pairs
}

/** @internal */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
