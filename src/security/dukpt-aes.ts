/**
 * DUKPT with AES (ANSI X9.24-3): as with triple DES, but keys are derived for a named use and type.
 * What holds: a counter of zero or with more than sixteen set bits has no key; a working key is
 * never stronger than the key it comes from.
 *
 *   KSN, 12 bytes:  | base key id 4 | derivation id 4 | counter 4 |
 *
 *   derivation data, one AES block for each 16 bytes of key:
 *   | 01 | block 1, 2 | usage 2 | algorithm 2 | length in bits 2 | id 4 | counter 4 |
 *   (for the initial key the whole 8-byte id stands at the end)
 */

import { encryptBlocks } from "./block-cipher.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

/** Key usage indicators, X9.24-3 table 2. */
const aesDukptUsages = {
  "key-encryption": 0x0002,
  pin: 0x1000,
  "mac-generate": 0x2000,
  "mac-verify": 0x2001,
  mac: 0x2002,
  "data-encrypt": 0x3000,
  "data-decrypt": 0x3001,
  data: 0x3002,
  derivation: 0x8000
} as const

export type AesDukptUse = keyof typeof aesDukptUsages

const initialUsage = 0x8001

/** Algorithm indicator and length in bytes, X9.24-3 tables 2 and 3. */
const types = {
  tdes2: [0x0000, 16],
  tdes3: [0x0001, 24],
  aes128: [0x0002, 16],
  aes192: [0x0003, 24],
  aes256: [0x0004, 32],
  hmac128: [0x0005, 16],
  hmac192: [0x0005, 24],
  hmac256: [0x0005, 32]
} as const

export type AesDukptType = keyof typeof types

const maxSetBits = 16

/** The transaction counter, 1 to 2^32 - 1; faults `ksn-format`, `counter-range`. */
export function aesCounter(ksn: Uint8Array): number | SecurityFault {
  if (ksn.length !== 12) return fault("ksn-format")
  const counter = Buffer.from(ksn).readUInt32BE(8)
  return counter === 0 || setBits(counter) > maxSetBits ? fault("counter-range") : counter
}

/** The key that was injected into the device; faults `key-length`, `ksn-format`. */
export function aesInitialKey(base: Uint8Array, ksn: Uint8Array): Buffer | SecurityFault {
  const type = typeOf(base)
  if (type === undefined) return fault("key-length")
  if (ksn.length !== 12) return fault("ksn-format")
  return derived(base, initialUsage, type, ksn.subarray(0, 8))
}

/** The derivation key of a counter; faults `key-length`, `ksn-format`, `counter-range`. */
export function aesTransactionKey(initial: Uint8Array, ksn: Uint8Array): Buffer | SecurityFault {
  const type = typeOf(initial)
  if (type === undefined) return fault("key-length")
  const counter = aesCounter(ksn)
  if (isFault(counter)) return counter
  const id = Buffer.from(ksn.subarray(4, 12))
  let key: Buffer = Buffer.from(initial)
  let reached = 0
  for (let bit = 31; bit >= 0; bit--) {
    if (((counter >>> bit) & 1) === 0) continue
    reached += 2 ** bit
    id.writeUInt32BE(reached, 4)
    const next = derived(key, aesDukptUsages.derivation, type, id)
    key.fill(0)
    key = next
  }
  return key
}

/**
 * The key of a transaction for one use, from the base key. Faults as the two above, and
 * `algorithm-unfit` for a working key longer than the base key is strong.
 */
export function aesDukptKey(
  base: Uint8Array,
  ksn: Uint8Array,
  use: AesDukptUse,
  type: AesDukptType
): Buffer | SecurityFault {
  const [algorithm, length] = types[type]
  const initial = aesInitialKey(base, ksn)
  if (isFault(initial)) return initial
  // Triple DES gives 80 or 112 bits, less than any AES key.
  if (algorithm >= 2 && length > base.length) {
    initial.fill(0)
    return fault("algorithm-unfit")
  }
  const transaction = aesTransactionKey(initial, ksn)
  initial.fill(0)
  if (isFault(transaction)) return transaction
  const key = derived(transaction, aesDukptUsages[use], type, ksn.subarray(4, 12))
  transaction.fill(0)
  return key
}

function derived(key: Uint8Array, usage: number, type: AesDukptType, id: Uint8Array): Buffer {
  const [algorithm, length] = types[type]
  const data = Buffer.alloc(length > 16 ? 32 : 16)
  for (let at = 0; at < data.length; at += 16) {
    data[at] = 1
    data[at + 1] = at / 16 + 1
    data.writeUInt16BE(usage, at + 2)
    data.writeUInt16BE(algorithm, at + 4)
    data.writeUInt16BE(length * 8, at + 6)
    data.set(id, at + 8)
  }
  return encryptBlocks("aes", key, data).subarray(0, length)
}

function typeOf(key: Uint8Array): "aes128" | "aes192" | "aes256" | undefined {
  return key.length === 16
    ? "aes128"
    : key.length === 24
    ? "aes192"
    : key.length === 32
    ? "aes256"
    : undefined
}

function setBits(value: number): number {
  let count = 0
  for (let rest = value; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++
  return count
}
