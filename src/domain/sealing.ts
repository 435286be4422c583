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

/** As small as a packed value can be. */
const packedNull = new Uint8Array([0xc0])

export function makeSealing(vault: VaultShape): Sealing {
  const packr = new Packr({ useRecords: false })
  return {
    seal: (facts) => {
      const clear = packr.pack([facts.pan, facts.expiry, facts.cardSequence, facts.answer])
      const sealed = vault.seal(clear)
      // A view of the packer's own memory, which lives as long as the packer.
      clear.fill(0)
      return sealed
    },
    open: (sealed) => {
      const clear = sealed === undefined ? undefined : vault.open(sealed)
      if (clear === undefined) return nothing
      const [pan, expiry, cardSequence, answer] = packr.unpack(clear) as Array<unknown>
      // The unpacker keeps the text that it took last, until it is asked again.
      packr.unpack(packedNull)
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
