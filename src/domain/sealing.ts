/**
 * The clear side of a record, sealed for rest: card number, expiry and the stored answer. What may
 * never be stored, sealed or not (track data, PIN block, CVV), has no place in the type (I6).
 *
 *     | 1 | length 1 | card number | length 1 | expiry | length 1 | card sequence | answer |
 *
 * Texts are ASCII; what is absent has length 0. What an earlier version sealed, and texts that do
 * not fit, are a MessagePack array of the four, whose first byte is another.
 */

import { Packr } from "msgpackr"
import type { VaultShape } from "./ports/vault.ts"
import { scratchBuffer } from "./scratch.ts"
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

const flat = 1
const maxText = 64
const maxAnswer = 4096

const work = scratchBuffer(1 + 3 * (1 + maxText) + maxAnswer)

export function makeSealing(vault: VaultShape): Sealing {
  const packr = new Packr({ useRecords: false })
  const sealPacked = ({ answer, cardSequence, expiry, pan }: SealedFacts) => {
    const clear = packr.pack([pan, expiry, cardSequence, answer])
    const sealed = vault.seal(clear)
    // A view of the packer's own memory, which lives as long as the packer.
    clear.fill(0)
    return sealed
  }
  const openPacked = (clear: Uint8Array): SealedFacts => {
    const [pan, expiry, cardSequence, answer] = packr.unpack(clear) as Array<unknown>
    // The unpacker keeps the text that it took last, until it is asked again.
    packr.unpack(packedNull)
    return factsOf(
      typeof pan === "string" ? pan : "",
      typeof expiry === "string" ? expiry : "",
      typeof cardSequence === "string" ? cardSequence : "",
      answer instanceof Uint8Array ? answer : undefined
    )
  }
  return {
    seal: (facts) => {
      const end = flatten(facts)
      const sealed = end < 0 ? sealPacked(facts) : vault.seal(work.subarray(0, end))
      // What did not fit has been written in part.
      work.fill(0, 0, end < 0 ? work.length : end)
      return sealed
    },
    open: (sealed) => {
      const clear = sealed === undefined ? undefined : vault.open(sealed)
      if (clear === undefined) return nothing
      return clear[0] === flat ? unflatten(clear) : openPacked(clear)
    },
    digest: (text) => vault.digest(text)
  }
}

/** Writes the facts into the work; returns their end, or -1 when they do not fit. */
function flatten({ answer, cardSequence, expiry, pan }: SealedFacts): number {
  work[0] = flat
  let end = writeText(pan, 1)
  if (end > 0) end = writeText(expiry, end)
  if (end > 0) end = writeText(cardSequence, end)
  if (end < 0 || answer === undefined) return end
  if (answer.length === 0 || answer.length > maxAnswer) return -1
  work.set(answer, end)
  return end + answer.length
}

/** Where the text ends, or -1 when it is not short and ASCII. */
function writeText(text: string | undefined, start: number): number {
  const length = text?.length ?? 0
  if (length > maxText) return -1
  work[start] = length
  const at = start + 1
  for (let index = 0; index < length; index++) {
    const unit = text!.charCodeAt(index)
    if (unit > 0x7f) return -1
    work[at + index] = unit
  }
  return at + length
}

function unflatten(clear: Uint8Array): SealedFacts {
  const bytes = Buffer.from(clear.buffer, clear.byteOffset, clear.length)
  let at = 1
  const text = () => {
    const start = at + 1
    at = start + bytes[at]!
    return bytes.toString("latin1", start, at)
  }
  const pan = text()
  const expiry = text()
  const cardSequence = text()
  return factsOf(pan, expiry, cardSequence, at < bytes.length ? bytes.subarray(at) : undefined)
}

function factsOf(
  pan: string,
  expiry: string,
  cardSequence: string,
  answer: Uint8Array | undefined
): SealedFacts {
  return {
    ...(pan === "" ? {} : { pan }),
    ...(expiry === "" ? {} : { expiry }),
    ...(cardSequence === "" ? {} : { cardSequence }),
    ...(answer === undefined ? {} : { answer })
  }
}
