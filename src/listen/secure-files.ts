/**
 * Keys, certificates and revocation lists from files, read again when they change. What must hold:
 * a bad file never replaces what works; nothing that is read here reaches a log.
 */

import { X509Certificate } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { createSecureContext, type SecureContextOptions } from "node:tls"
import type { TlsOptions } from "../domain/ports/transport.ts"

/** How often the files are looked at. */
export const lookEveryMs = 5000

type SecureContextFiles =
  | { readonly _tag: "read"; readonly options: SecureContextOptions }
  | { readonly _tag: "refused"; readonly code: string }

export class SecureFiles {
  readonly #tls: TlsOptions
  #seen = ""

  constructor(tls: TlsOptions) {
    this.#tls = tls
  }

  /**
   * What the files hold now; `refused` when one is missing, they do not go together, or the
   * certificate has ended.
   */
  read(nowMs: number): SecureContextFiles {
    this.#seen = this.#marks()
    const { authorityFile, certificateFile, keyFile, revocationFile } = this.#tls
    try {
      const options = {
        key: readFileSync(keyFile),
        cert: readFileSync(certificateFile),
        minVersion: "TLSv1.2" as const,
        ...(authorityFile === undefined ? {} : { ca: readFileSync(authorityFile) }),
        ...(revocationFile === undefined ? {} : { crl: readFileSync(revocationFile) })
      }
      createSecureContext(options)
      if (Date.parse(new X509Certificate(options.cert).validTo) <= nowMs) {
        return { _tag: "refused", code: "CERT_HAS_EXPIRED" }
      }
      return { _tag: "read", options }
    } catch (cause) {
      return { _tag: "refused", code: codeOf(cause) }
    }
  }

  /** Have the files changed since they were read? A file that is away counts as changed. */
  changed(): boolean {
    return this.#marks() !== this.#seen
  }

  #marks(): string {
    const { authorityFile, certificateFile, keyFile, revocationFile } = this.#tls
    return [keyFile, certificateFile, authorityFile, revocationFile]
      .map(fileMark)
      .join()
  }
}

/** Differs when the file has changed. */
export function fileMark(file: string | undefined): string {
  if (file === undefined) return ""
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? "away" : `${stat.ino}/${stat.size}/${stat.mtimeMs}`
}

/** The system's or the library's name of an error, never its text. */
export function codeOf(cause: unknown): string {
  const code = typeof cause === "object" && cause !== null && "code" in cause
    ? cause.code
    : undefined
  return typeof code === "string" ? code : "unknown"
}
