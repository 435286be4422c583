/**
 * The issuer behind a simulated acquirer, as far as PINs go: opens what came under the zone PIN key
 * and compares it with the PIN that the test card has. What must hold: a clear PIN stays in here,
 * and with a witness of the seeded world.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { PinFormat } from "../domain/ports/security-module.ts"
import type { Message } from "../iso8583/message.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import { openPinBlock } from "../security/pin-block.ts"
import { isFault } from "../security/security-fault.ts"
import type { PinVerdict } from "./book.ts"
import { testPin } from "./test-cards.ts"

const zone = 1 as KeyHandle

/** Hears of each request: its block, and the PIN in it; undefined: none, or it does not open. */
export type PinWitness = (
  message: Message,
  block: Buffer | undefined,
  pin: string | undefined
) => void

export class Issuer {
  readonly #cache = new CipherCache({ maxKeys: 1, maxCiphers: 4 })
  readonly #format: PinFormat
  readonly #witness: PinWitness | undefined

  constructor(zoneKey: Uint8Array, format: PinFormat, witness?: PinWitness) {
    this.#cache.put(zone, zoneKey)
    this.#format = format
    this.#witness = witness
  }

  /** A block that cannot be opened is wrong. */
  judge(message: Message): PinVerdict {
    const path = message.dialect.pathOf("pinBlock")
    const text = path === undefined ? undefined : message.text(path)
    const block = text === undefined ? undefined : Buffer.from(text, "hex")
    const pan = message.role("pan") ?? ""
    const pin = block === undefined ? undefined : this.#open(pan, block)
    this.#witness?.(message, block, pin)
    if (block === undefined) return "none"
    return pin === testPin(pan) ? "right" : "wrong"
  }

  #open(pan: string, block: Buffer): string | undefined {
    const key = { source: zone, algorithm: this.#format === 4 ? "aes" : "tdes" } as const
    const pin = openPinBlock(
      this.#cache,
      key,
      this.#format,
      pan,
      block,
      (digits) => digits.join("")
    )
    return isFault(pin) ? undefined : pin
  }
}
