/**
 * The clear side of a record, sealed for rest: card number, expiry and the stored answer. What may
 * never be stored, sealed or not (track data, PIN block, CVV), has no place in the type (I6).
 */

import { Packr } from "msgpackr"
import type { VaultShape } from "./ports/vault.ts"
import type { SealedFacts } from "./transaction.ts"

export interface Sealing {
  readonly seal: (facts: SealedFacts) => Uint8Array
  /** Empty facts when there is nothing, or when the key version is gone. */
  readonly open: (sealed: Uint8Array | undefined) => SealedFacts
  readonly digest: (text: string) => string
}

const nothing: SealedFacts = Object.freeze({})

export function makeSealing(vault: VaultShape): Sealing {
  const packr = new Packr({ useRecords: false })
  return {
    seal: (facts) =>
      vault.seal(packr.pack([facts.pan, facts.expiry, facts.cardSequence, facts.answer])),
    open: (sealed) => {
      const clear = sealed === undefined ? undefined : vault.open(sealed)
      if (clear === undefined) return nothing
      const [pan, expiry, cardSequence, answer] = packr.unpack(clear) as Array<unknown>
      return {
        ...(typeof pan === "string" ? { pan } : {}),
        ...(typeof expiry === "string" ? { expiry } : {}),
        ...(typeof cardSequence === "string" ? { cardSequence } : {}),
        ...(answer instanceof Uint8Array ? { answer } : {})
      }
    },
    digest: (text) => vault.digest(text)
  }
}
