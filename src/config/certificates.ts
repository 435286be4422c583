/**
 * Certificates of the listeners, before they are needed: each file is there, is what it should be,
 * has not ended, and the key belongs to it (G6). No fault repeats anything of a key.
 */

import { Clock, Effect } from "effect"
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import type { SwitchConfig } from "../domain/config.ts"
import { readText } from "./named-files.ts"

type Fault = (path: string, problem: string) => void

export const checkCertificates = Effect.fnUntraced(
  function*(listeners: SwitchConfig["listeners"], fault: Fault) {
    for (const [index, { tls }] of listeners.entries()) {
      if (tls === undefined) continue
      const at = `listeners[${index}].tls`
      const certificate = yield* loaded(`${at}.certificateFile`, tls.certificateFile, fault, {
        read: (text) => new X509Certificate(text),
        words: "a certificate, PEM"
      })
      const key = yield* loaded<KeyObject>(`${at}.keyFile`, tls.keyFile, fault, {
        read: (text) => createPrivateKey(text),
        words: "a private key, PEM, without a passphrase"
      })
      if (tls.authorityFile !== undefined) {
        yield* loaded(`${at}.authorityFile`, tls.authorityFile, fault, {
          read: (text) => new X509Certificate(text),
          words: "a certificate, PEM"
        })
      }
      if (certificate === undefined) continue
      const endsMs = Date.parse(certificate.validTo)
      if (endsMs <= (yield* Clock.currentTimeMillis)) {
        fault(`${at}.certificateFile`, `ended on ${new Date(endsMs).toISOString().slice(0, 10)}`)
      }
      if (key !== undefined && !certificate.checkPrivateKey(key)) {
        fault(`${at}.keyFile`, "is not the key of the certificate")
      }
    }
  }
)

/** When each listener's certificate ends, in milliseconds; one that cannot be read is left out. */
export const certificateEnds = Effect.fnUntraced(
  function*(listeners: SwitchConfig["listeners"]) {
    const ends = new Map<string, number>()
    for (const { name, tls } of listeners) {
      if (tls === undefined) continue
      const certificate = yield* loaded("", tls.certificateFile, () => {}, {
        read: (text) => new X509Certificate(text),
        words: ""
      })
      if (certificate !== undefined) ends.set(name, Date.parse(certificate.validTo))
    }
    return ends
  }
)

const loaded = Effect.fnUntraced(function*<A>(
  path: string,
  file: string,
  fault: Fault,
  kind: { readonly read: (text: string) => A; readonly words: string }
) {
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
