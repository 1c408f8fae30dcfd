import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

/** The same in files. */
export interface IssuedFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** An authority in a folder of its own, whose certificates are made with openssl; `remove` it at the end. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  readonly caFile: string
  readonly ca: string
  private readonly keyFile: string
  private last = 0

  constructor(name = 'Test authority') {
    this.keyFile = this.newKey('ca')
    this.caFile = join(this.folder, 'ca.crt')
    this.openssl(
      'req',
      '-x509',
      '-key',
      this.keyFile,
      '-out',
      this.caFile,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    )
    this.ca = readFileSync(this.caFile, 'utf8')
  }

  /** @param names as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`, `URI:spiffe://example/worker`. */
  issue(name: string, ...names: string[]): Issued {
    const { certFile, keyFile } = this.issueFiles(name, ...names)
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }

  issueFiles(name: string, ...names: string[]): IssuedFiles {
    const base = `issued-${++this.last}`
    const keyFile = this.newKey(base)
    const [request, extensions] = [join(this.folder, `${base}.csr`), join(this.folder, `${base}.ext`)]
    const certFile = join(this.folder, `${base}.crt`)
    writeFileSync(extensions, names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`)
    this.openssl('req', '-new', '-key', keyFile, '-out', request, '-subj', `/O=Example/CN=${name}`)
    const signer = ['-CA', this.caFile, '-CAkey', this.keyFile, '-CAcreateserial']
    this.openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-out',
      certFile,
      ...signer,
      '-days',
      '2',
      '-extfile',
      extensions,
    )
    return { certFile, keyFile }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }

  private newKey(base: string): string {
    const file = join(this.folder, `${base}.key`)
    this.openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file)
    return file
  }

  private openssl(...args: string[]): string {
    return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }
}
