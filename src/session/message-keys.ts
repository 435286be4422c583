/**
 * The keys that one message of a terminal stands under: its working keys, or those that DUKPT
 * derives from the key serial number in the message, where the dialect has a field for it and the
 * terminal's profile names a base key. What must hold: a message is judged under one of the two,
 * never under either.
 */

import type { PinUnder } from "../domain/ports/security-module.ts"
import type { Message } from "../iso8583/message.ts"
import type { Spoken } from "./arrival.ts"
import type { Keyring } from "./keyring.ts"

/** What DUKPT needs to derive the keys of one message. */
export interface Derivation {
  readonly baseKey: string
  /** 10 bytes triple DES, 12 AES. */
  readonly serial: Uint8Array
}

/** Undefined: the message stands under working keys. */
export function derivationOf({ message, profile }: Spoken): Derivation | undefined {
  const { baseKey } = profile
  const serial = baseKey === undefined ? undefined : message.role("ksn")
  if (baseKey === undefined || serial === undefined) return undefined
  return { baseKey, serial: Buffer.from(serial, "hex") }
}

export function hasPin(message: Message): boolean {
  const path = message.dialect.pathOf("pinBlock")
  return path !== undefined && message.raw(path) !== undefined
}

/** The key of the message's PIN block; undefined without a block, and without a key. */
export function pinUnder(spoken: Spoken, keys: Keyring): PinUnder | undefined {
  const { arrival, message, profile } = spoken
  if (!hasPin(message)) return undefined
  const format = profile.pinFormat ?? 0
  const derivation = derivationOf(spoken)
  if (derivation !== undefined) return { format, ...derivation }
  // A terminal that has missed a download uses all of its old keys.
  const key = arrival.triedPrevious
    ? keys.previousPin(profile.terminal)
    : keys.pin(profile.terminal)
  return key === undefined ? undefined : { format, key }
}
