/**
 * DUKPT with triple DES (ANSI X9.24-1): a key for each transaction, from a base key that the device
 * never held. What holds: a counter of zero or with more than ten set bits has no key.
 *
 *   KSN, 10 bytes:  | key set id and device id, 59 bits | counter, 21 bits |
 *
 *   initial key  = E(BDK, KSN with a zero counter, left 8) ‖ E(BDK ^ C0C0C0C0 00000000 …, the same)
 *   next key     : for each set bit of the counter, high to low, a one-way step under the last key
 *   variant      = transaction key ^ a mask in each half; data keys are enciphered under themselves
 */

import { encryptBlocks, xor } from "./block-cipher.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

/** What the device or the host does with the key; masks of X9.24-1 table A-1. */
type TdesDukptUse =
  | "pin"
  | "mac-request"
  | "mac-response"
  | "data-request"
  | "data-response"

const counterBits = 21
const maxSetBits = 10

const stepMask = Buffer.from("C0C0C0C000000000C0C0C0C000000000", "hex")

const variants: Readonly<Record<TdesDukptUse, Buffer>> = {
  pin: both("00000000000000FF"),
  "mac-request": both("000000000000FF00"),
  "mac-response": both("00000000FF000000"),
  "data-request": both("0000000000FF0000"),
  "data-response": both("000000FF00000000")
}

/** The transaction counter, 1 to 2^21 - 1; faults `ksn-format`, `counter-range`. */
export function tdesCounter(ksn: Uint8Array): number | SecurityFault {
  if (ksn.length !== 10) return fault("ksn-format")
  const counter = ((ksn[7]! & 0x1f) << 16) | (ksn[8]! << 8) | ksn[9]!
  return counter === 0 || setBits(counter) > maxSetBits ? fault("counter-range") : counter
}

/** The key that was injected into the device; faults `key-length`, `ksn-format`. */
export function tdesInitialKey(base: Uint8Array, ksn: Uint8Array): Buffer | SecurityFault {
  if (base.length !== 16) return fault("key-length")
  if (ksn.length !== 10) return fault("ksn-format")
  const id = Buffer.from(ksn.subarray(0, 8))
  id[7]! &= 0xe0
  const masked = xor(base, stepMask)
  const key = Buffer.concat([encryptBlocks("tdes", base, id), encryptBlocks("tdes", masked, id)])
  masked.fill(0)
  return key
}

/** From the initial key; faults `key-length`, `ksn-format`, `counter-range`. */
export function tdesTransactionKey(initial: Uint8Array, ksn: Uint8Array): Buffer | SecurityFault {
  if (initial.length !== 16) return fault("key-length")
  const counter = tdesCounter(ksn)
  if (isFault(counter)) return counter
  const register = Buffer.from(ksn.subarray(2, 10))
  register[5]! &= 0xe0
  register.fill(0, 6)
  let key: Buffer = Buffer.from(initial)
  for (let bit = counterBits - 1; bit >= 0; bit--) {
    if ((counter & (1 << bit)) === 0) continue
    register[7 - (bit >> 3)]! |= 1 << (bit & 7)
    const next = stepped(key, register)
    key.fill(0)
    key = next
  }
  return key
}

/** The key of a transaction for one use, from the base key; faults as the two above. */
export function tdesDukptKey(
  base: Uint8Array,
  ksn: Uint8Array,
  use: TdesDukptUse
): Buffer | SecurityFault {
  const initial = tdesInitialKey(base, ksn)
  if (isFault(initial)) return initial
  const transaction = tdesTransactionKey(initial, ksn)
  initial.fill(0)
  if (isFault(transaction)) return transaction
  const variant = xor(transaction, variants[use])
  transaction.fill(0)
  if (use !== "data-request" && use !== "data-response") return variant
  const key = encryptBlocks("tdes", variant, variant)
  variant.fill(0)
  return key
}

/** X9.24-1 A.2: the one-way step, right half under the key, left half under its variant. */
function stepped(key: Buffer, register: Buffer): Buffer {
  const masked = xor(key, stepMask)
  const next = Buffer.concat([halfStepped(masked, register), halfStepped(key, register)])
  masked.fill(0)
  return next
}

function halfStepped(key: Uint8Array, register: Uint8Array): Buffer {
  const left = key.subarray(0, 8)
  const right = key.subarray(8)
  return xor(encryptBlocks("tdes", left, xor(register, right)), right)
}

function setBits(value: number): number {
  let count = 0
  for (let rest = value; rest !== 0; rest &= rest - 1) count++
  return count
}

function both(half: string): Buffer {
  return Buffer.from(half + half, "hex")
}
