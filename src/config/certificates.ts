/**
 * Certificates before they are needed: each file of a listener or an upstream is there and is what
 * it should be; ours has not ended, and the key belongs to it (G6). No fault repeats anything of a
 * key.
 */

import { Clock, Effect } from "effect"
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import type { LinkTls, SwitchConfig } from "../domain/config.ts"
import type { OnFault } from "../domain/source-fault.ts"
import { readText } from "./named-files.ts"

type Ends = Pick<SwitchConfig, "listeners" | "upstreams">

const oneOfMany = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** A certificate, and what follows it in its file: its chain, or other authorities. */
const certificateKind = {
  read: (text: string) =>
    (text.match(oneOfMany) ?? [text]).map((each) => new X509Certificate(each)),
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
  function*({ listeners, upstreams }: Ends, fault: OnFault) {
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

const checkFiles = Effect.fnUntraced(function*(at: string, tls: TlsFiles, fault: OnFault) {
  const [certificate] = (yield* loaded(
    `${at}.certificateFile`,
    tls.certificateFile,
    fault,
    certificateKind
  )) ?? []
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

/** A certificate that we show, with its chain, or an authority that we trust. */
export interface Certificate {
  /** As `upstreams[1].tls.authorityFile`. */
  readonly path: string
  /** Of the listener or the upstream. */
  readonly name: string
  readonly use: "own" | "authority"
  /** As `CN=acquirer, O=Bank`. */
  readonly subject: string
  readonly endsMs: number
}

/** Every certificate of every listener and upstream, but for what cannot be read. */
export const certificatesOf = Effect.fnUntraced(function*({ listeners, upstreams }: Ends) {
  const found: Array<Certificate> = []
  const files = [["own", "certificateFile"], ["authority", "authorityFile"]] as const
  for (const [list, ends] of Object.entries({ listeners, upstreams })) {
    for (const [index, { name, tls }] of ends.entries()) {
      for (const [use, key] of files) {
        const path = `${list}[${index}].tls.${key}`
        for (const each of (yield* loaded(path, tls?.[key], () => {}, certificateKind)) ?? []) {
          const subject = each.subject.split("\n").join(", ")
          found.push({ path, name, use, subject, endsMs: Date.parse(each.validTo) })
        }
      }
    }
  }
  return found
})

const dayMs = 86_400_000
const soonDays = 30

/** A line for each certificate that has ended or will within thirty days. */
export const certificateWarnings = Effect.fnUntraced(function*(ends: Ends) {
  const nowMs = yield* Clock.currentTimeMillis
  return (yield* certificatesOf(ends)).flatMap(({ endsMs, path, subject }) => {
    const days = Math.floor((endsMs - nowMs) / dayMs)
    if (days >= soonDays) return []
    const on = new Date(endsMs).toISOString().slice(0, 10)
    return [`${path}: ${subject} ${days < 0 ? `ended on ${on}` : `ends in ${days} days, on ${on}`}`]
  })
})

const loaded = Effect.fnUntraced(function*<A>(
  path: string,
  file: string | undefined,
  fault: OnFault,
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
