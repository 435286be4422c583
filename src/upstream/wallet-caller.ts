/**
 * One step of talking to a wallet over HTTP: make the request, send it, read what came back. Time,
 * nonce and transport are handed in; the reading is pure.
 */

import type { HttpShape } from "../domain/ports/http.ts"
import type { RandomShape, TimeShape } from "../domain/ports/time.ts"
import type { WalletStamp, WalletStep, WalletVerdict } from "../qr/wallet.ts"

/** `unsent`: nothing left this machine, which is definite. */
export type Heard = WalletVerdict | { readonly _tag: "unsent"; readonly code: string }

export type Ask = (make: (stamp: WalletStamp) => WalletStep, timeoutMs: number, done: Done) => void

type Done = (heard: Heard) => void

/** `url` is the base that every path is joined to. */
export function makeCaller(
  url: string,
  http: HttpShape,
  time: TimeShape,
  random: RandomShape
): Ask {
  const base = url.endsWith("/") ? url.slice(0, -1) : url
  return (make, timeoutMs, done) => {
    const step = make({ nowMs: time.wallMs(), nonce: nonceOf(random.bytes(16)) })
    const { body, headers, method, path } = step.call
    const call = { method, url: base + path, headers, body: Buffer.from(body), timeoutMs }
    http.call(call, (outcome) => {
      if (outcome._tag === "unsent") done(outcome)
      else if (outcome._tag === "doubt") done({ _tag: "doubt", code: outcome.code })
      else done(step.read(outcome.response, time.wallMs()))
    })
  }
}

function nonceOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex")
}
