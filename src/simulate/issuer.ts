/**
 * The issuer behind a simulated acquirer, as far as PINs go: opens what came under the zone PIN key
 * and compares it with the PIN that the test card has. What must hold: a clear PIN stays in here.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { PinFormat } from "../domain/ports/security-module.ts"
import type { Message } from "../iso8583/message.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import { openPinBlock } from "../security/pin-block.ts"
import { testPin } from "./test-cards.ts"

const zone = 1 as KeyHandle

export class Issuer {
  readonly #cache = new CipherCache({ maxKeys: 1, maxCiphers: 1 })
  readonly #format: PinFormat

  constructor(zoneKey: Uint8Array, format: PinFormat) {
    this.#cache.put(zone, zoneKey)
    this.#format = format
  }

  /** A block that cannot be opened is wrong; undefined: the message has none. */
  isRight(message: Message): boolean | undefined {
    const path = message.dialect.pathOf("pinBlock")
    const text = path === undefined ? undefined : message.text(path)
    if (text === undefined) return undefined
    const pan = message.role("pan") ?? ""
    const known = testPin(pan)
    const key = { source: zone, algorithm: this.#format === 4 ? "aes" : "tdes" } as const
    const same = openPinBlock(
      this.#cache,
      key,
      this.#format,
      pan,
      Buffer.from(text, "hex"),
      (pin) => pin.length === known.length && pin.every((digit, at) => digit === Number(known[at]))
    )
    return same === true
  }
}
