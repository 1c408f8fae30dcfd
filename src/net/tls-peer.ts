import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Parts of a name by their short names: `{ CN: 'worker', O: 'Example' }`. */
export type DistinguishedName = Readonly<Record<string, string | readonly string[]>>

/** The certificate that a client has shown, and that one of `tls.ca` has signed. */
export interface PeerCertificate {
  readonly subject: DistinguishedName
  readonly issuer: DistinguishedName
  /** With their kinds: `DNS:worker.example.com`, `URI:spiffe://example/worker`, `IP Address:10.0.0.7`, `email:a@example.com`. */
  readonly subjectAltNames: readonly string[]
  /** Of the issuer's giving, in hexadecimal. */
  readonly serialNumber: string
  /** SHA-256 of the certificate: pairs of hexadecimal digits with colons between. */
  readonly fingerprint256: string
  readonly validFrom: Date
  readonly validTo: Date
  /** The certificate itself, in DER. */
  readonly raw: Uint8Array
}

/** Read once a connection: many requests ask for it. */
const known = new WeakMap<Socket, PeerCertificate>()

/** The certificate of the client at the other end; `undefined` where it has shown none, or none that was verified. */
export function peerCertificateOf(socket: Socket): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const found = known.get(socket)
  if (found !== undefined) return found
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const peer = peerOf(certificate)
  known.set(socket, peer)
  return peer
}

function peerOf(certificate: X509Certificate): PeerCertificate {
  // Node's types make a PeerCertificate of it without the several values that a name may have.
  const { subject, issuer } = certificate.toLegacyObject() as unknown as {
    subject: DistinguishedName
    issuer: DistinguishedName
  }
  const { serialNumber, fingerprint256, validFrom, validTo, raw, subjectAltName } = certificate
  return {
    subject,
    issuer,
    subjectAltNames: splitNames(subjectAltName ?? ''),
    serialNumber,
    fingerprint256,
    validFrom: new Date(validFrom),
    validTo: new Date(validTo),
    raw,
  }
}

/** `DNS:` and the like, and a value: a JSON string where it holds what could be taken for the end of it. */
const name = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy

/**
 * @internal The names of a certificate. The tempting wrong version splits at commas: a name may hold one, and what
 * follows it would be a name of the attacker's choice. Source: CVE-2021-44532.
 */
export function splitNames(text: string): string[] {
  const names: string[] = []
  let end = 0
  for (const [whole, kind, value = ''] of text.matchAll(name)) {
    end += whole.length
    names.push(`${kind}:${value.startsWith('"') ? String(JSON.parse(value)) : value}`)
  }
  return end === text.length ? names : [] // of a text that cannot be read, no name is to be trusted
}
