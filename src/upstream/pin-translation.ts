/**
 * A PIN on its way upstream: the terminal's block, under its working key or one of DUKPT's, becomes
 * a block under the upstream's zone PIN key, for the same card number (I11). What must hold: the
 * security module alone sees the PIN; where an upstream takes PINs, one that cannot be translated
 * refuses its message, and is neither left out nor sent as it is; blocks are overwritten after use.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { PinFormat, PinUnder, SecurityModuleShape } from "../domain/ports/security-module.ts"
import type { UpstreamRequest } from "../domain/ports/upstream.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import type { Dialect } from "../iso8583/message.ts"

/** The key that an upstream has for PINs, and the format of the blocks under it. */
export interface PinZone {
  readonly key: KeyHandle
  readonly format: PinFormat
}

/** What one message needs before it can leave. */
export interface PinWork {
  readonly under: PinUnder
  readonly zone: PinZone
  readonly pan: string
  /** The terminal's block: a copy. */
  readonly block: Uint8Array
  /** Path of the field in the upstream's dialect. */
  readonly path: string
  /** Bytes of the block that will stand there. */
  readonly length: number
}

/**
 * Undefined: there is no PIN, or the upstream has no key for any. Then, as every field that no
 * translation names, the block leaves as it came within one dialect and stays behind across two.
 */
export function pinWork(
  { facts, message, pin }: UpstreamRequest,
  mapping: Mapping,
  zone: PinZone | undefined,
  to: Dialect
): PinWork | FailureCode | undefined {
  if (zone === undefined) return undefined
  const source = message?.dialect.pathOf("pinBlock")
  const text = source === undefined ? undefined : message?.text(source)
  if (text === undefined) return undefined
  const path = to.pathOf("pinBlock")
  if (!mapping.pin || path === undefined) return "pin-refused"
  if (pin === undefined) return "key-missing"
  if (facts.pan === undefined) return "pin-refused"
  const block = Buffer.from(text, "hex")
  return { under: pin, zone, pan: facts.pan, block, path, length: zone.format === 4 ? 16 : 8 }
}

/** `done` hears once, now or when the module has answered; the holder overwrites the block. */
export function translatePin(
  security: SecurityModuleShape,
  { block, pan, under, zone }: PinWork,
  done: (block: Uint8Array | FailureCode) => void
): void {
  const from = "key" in under
    ? under.key
    : security.derive(under.baseKey, under.serial, "pin")
  if (typeof from !== "number") {
    block.fill(0)
    return done(from)
  }
  const request = {
    from,
    to: zone.key,
    fromFormat: under.format,
    toFormat: zone.format,
    pan,
    block
  }
  security.translatePin(request, (result) => {
    block.fill(0)
    if (!("key" in under)) security.release(from)
    done(result)
  })
}
