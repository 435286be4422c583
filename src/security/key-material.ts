/**
 * Clear key bytes: odd parity, check values, making and joining them. Keys come from the
 * caller's randomness only. What holds: a function that refuses a key does not echo it.
 */

import { type BlockAlgorithm, blockSize, encryptBlocks, keyFits } from "./block-cipher.ts"
import { CipherCache } from "./cipher-cache.ts"
import { cmac, constantTimeEqual } from "./mac.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

/**
 * What to do about the parity bits of DES keys: `ignore` them (OpenSSL does), `require` odd parity,
 * or `adjust` it.
 */
export type ParityPolicy = "ignore" | "require" | "adjust"

/** How a check value is made. The two AES forms differ, so the method is always configured. */
type CheckValueMethod =
  /** The first bytes of one enciphered block of zeros: DES, triple DES, SM4 and older AES use. */
  | "ecb"
  /** The first bytes of the CMAC over one block of zeros: AES in X9.24-3 and X9.143. */
  | "cmac"

const emptyCache = new CipherCache({ maxKeys: 0, maxCiphers: 0 })

/** True when every byte of the key has an odd number of set bits. */
export function hasOddParity(key: Uint8Array): boolean {
  return key.every((byte) => odd(byte))
}

/** The same DES key with odd parity in every byte. */
export function withOddParity(key: Uint8Array): Buffer {
  return turnedOdd(Buffer.from(key))
}

/** Applies the policy to a DES key; fault `key-parity`. */
export function withParity(key: Uint8Array, policy: ParityPolicy): Uint8Array | SecurityFault {
  if (policy === "adjust") return withOddParity(key)
  if (policy === "require" && !hasOddParity(key)) return fault("key-parity")
  return key
}

/** The leftmost `length` bytes of the key's check value; fault `key-length`. */
export function checkValue(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  method: CheckValueMethod,
  length: number
): Buffer | SecurityFault {
  if (!keyFits(algorithm, key.length)) return fault("key-length")
  const zeros = new Uint8Array(blockSize(algorithm))
  const whole = method === "ecb"
    ? encryptBlocks(algorithm, key, zeros)
    : cmac(emptyCache, key, algorithm, zeros)
  return isFault(whole) ? whole : Buffer.from(whole.subarray(0, length))
}

/** Verifies 2 to 16 bytes of an `ecb` one; faults `check-value-wrong`, `key-length`. */
export function verifyCheckValue(
  algorithm: BlockAlgorithm,
  key: Uint8Array,
  given: Uint8Array
): true | SecurityFault {
  if (given.length < 2 || given.length > 16) return fault("check-value-wrong")
  const made = checkValue(algorithm, key, "ecb", given.length)
  if (isFault(made)) return made
  return constantTimeEqual(made, given) ? true : fault("check-value-wrong")
}

/**
 * A new key, in the very bytes that `bytes` gave: DES keys get odd parity and parts that differ.
 * Fault `key-length`.
 */
export function newKey(
  algorithm: BlockAlgorithm,
  length: number,
  bytes: (length: number) => Uint8Array
): Buffer | SecurityFault {
  if (!keyFits(algorithm, length)) return fault("key-length")
  for (;;) {
    const given = bytes(length)
    const key = Buffer.from(given.buffer, given.byteOffset, length)
    if (algorithm !== "tdes" || partsDiffer(turnedOdd(key))) return key
  }
}

/** Joins components by XOR; two at least, all of one length. Fault `components-wrong`. */
export function joinComponents(
  components: ReadonlyArray<Uint8Array>
): Buffer | SecurityFault {
  const [first, ...rest] = components
  if (first === undefined || rest.length === 0) return fault("components-wrong")
  if (rest.some((component) => component.length !== first.length)) return fault("components-wrong")
  const joined = Buffer.from(first)
  for (const component of rest) {
    for (let index = 0; index < joined.length; index++) joined[index]! ^= component[index]!
  }
  return joined
}

function partsDiffer(key: Uint8Array): boolean {
  for (let one = 0; one < key.length; one += 8) {
    for (let other = one + 8; other < key.length; other += 8) {
      const [left, right] = [key.subarray(one, one + 8), key.subarray(other, other + 8)]
      if (Buffer.compare(left, right) === 0) return false
    }
  }
  return true
}

function turnedOdd(key: Buffer): Buffer {
  for (let index = 0; index < key.length; index++) if (!odd(key[index]!)) key[index]! ^= 1
  return key
}

function odd(byte: number): boolean {
  let bits = byte ^ (byte >> 4)
  bits ^= bits >> 2
  bits ^= bits >> 1
  return (bits & 1) === 1
}
