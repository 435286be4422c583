/**
 * Certificates of ours, before they are needed: each file of a listener or an upstream is there, is
 * what it should be, has not ended, and the key belongs to it (G6). No fault repeats anything of a
 * key.
 */

import { Clock, Effect } from "effect"
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import type { LinkTls, SwitchConfig } from "../domain/config.ts"
import { readText } from "./named-files.ts"

type Fault = (path: string, problem: string) => void

type Ends = Pick<SwitchConfig, "listeners" | "upstreams">

const certificateKind = {
  read: (text: string) => new X509Certificate(text),
  words: "a certificate, PEM"
}

const keyKind = {
  read: (text: string): KeyObject => createPrivateKey(text),
  words: "a private key, PEM, without a passphrase"
}

const revocationKind = {
  read: (text: string) => createSecureContext({ crl: text }),
  words: "a list of revoked certificates, PEM"
}

export const checkCertificates = Effect.fnUntraced(
  function*({ listeners, upstreams }: Ends, fault: Fault) {
    for (const [index, { tls }] of listeners.entries()) {
      if (tls !== undefined) yield* checkFiles(`listeners[${index}].tls`, tls, fault)
    }
    for (const [index, { tls }] of upstreams.entries()) {
      if (tls !== undefined) yield* checkFiles(`upstreams[${index}].tls`, tls, fault)
    }
  }
)

type TlsFiles = Pick<LinkTls, "authorityFile" | "certificateFile" | "keyFile"> & {
  readonly revocationFile?: string
}

const checkFiles = Effect.fnUntraced(function*(at: string, tls: TlsFiles, fault: Fault) {
  const certificate = yield* loaded(
    `${at}.certificateFile`,
    tls.certificateFile,
    fault,
    certificateKind
  )
  const key = yield* loaded(`${at}.keyFile`, tls.keyFile, fault, keyKind)
  yield* loaded(`${at}.authorityFile`, tls.authorityFile, fault, certificateKind)
  yield* loaded(`${at}.revocationFile`, tls.revocationFile, fault, revocationKind)
  if (certificate === undefined) return
  const endsMs = Date.parse(certificate.validTo)
  if (endsMs <= (yield* Clock.currentTimeMillis)) {
    fault(`${at}.certificateFile`, `ended on ${new Date(endsMs).toISOString().slice(0, 10)}`)
  }
  if (key !== undefined && !certificate.checkPrivateKey(key)) {
    fault(`${at}.keyFile`, "is not the key of the certificate")
  }
})

/**
 * When each listener's and each upstream's certificate of ours ends, in milliseconds; the sooner
 * where both have one name. One that cannot be read is left out.
 */
export const certificateEnds = Effect.fnUntraced(function*({ listeners, upstreams }: Ends) {
  const ends = new Map<string, number>()
  for (const { name, tls } of [...listeners, ...upstreams]) {
    const certificate = yield* loaded("", tls?.certificateFile, () => {}, certificateKind)
    if (certificate === undefined) continue
    ends.set(name, Math.min(Date.parse(certificate.validTo), ends.get(name) ?? Infinity))
  }
  return ends
})

const loaded = Effect.fnUntraced(function*<A>(
  path: string,
  file: string | undefined,
  fault: Fault,
  kind: { readonly read: (text: string) => A; readonly words: string }
) {
  if (file === undefined) return undefined
  const text = yield* readText(file).pipe(Effect.result)
  if (text._tag === "Failure") {
    fault(path, `${file} cannot be read: ${text.failure}`)
    return undefined
  }
  try {
    return kind.read(text.success)
  } catch {
    fault(path, `${file} is not ${kind.words}`)
    return undefined
  }
})
