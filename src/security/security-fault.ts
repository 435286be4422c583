/**
 * Why a key, a block or a cryptogram was refused: one preallocated row per reason, compared by
 * identity. A fault never holds a byte of a key, a PIN, a card number or a message.
 */

import { Schema } from "effect"
import { invariant } from "../domain/invariant.ts"

const meanings = {
  // --- keys
  "key-length": "the key has a length that its algorithm does not know",
  "key-parity": "a byte of the DES key has even parity, and the configuration demands odd",
  "key-unknown": "no key stands behind this name or handle",
  "key-usage": "the key's block forbids this use",
  "key-name": "a key name has 1 to 64 letters, digits, dots, dashes or underscores",
  "key-exists": "a key of this name is in the store already",
  "check-value-wrong": "the key check value is not the one that was given",
  "components-wrong": "key components must be at least two and all of the key's length",
  "cache-full": "the cache holds its maximum of keys",
  // --- key blocks (TR-31 / X9.143)
  "block-format": "not a key block of version A, B, C or D",
  "block-length": "the key block's own length differs from what is there",
  "block-forged": "the key block's MAC does not verify under this protection key",
  "block-expired": "the key block is under a former master key whose grace is over",
  "block-usage": "the key block is for another use, algorithm or mode than the kind that was named",
  "block-protection-key":
    "the protection key does not fit the block's version, or is weaker than its key",
  // --- key store
  "dual-control": "this needs two different officers",
  "store-format": "the document is not a key store of a format that we know",
  "store-master-key": "the master key is not the one that this key store was made under",
  "store-master-same": "the new master key is the one that this key store is under already",
  "store-unwritten": "the key store could not be written; it is as it was",
  // --- data
  "algorithm-unfit": "the algorithm is unknown, or does not go with this key or padding",
  "length-unfit": "the bytes have a length that the algorithm does not take",
  "download-length": "the key download does not have the length of its shape",
  // --- PINs
  "pin-length": "a PIN has 4 to 12 digits",
  "pin-digits": "the PIN holds something else than digits, or its filler is wrong",
  "pin-format": "the block's control nibble names another PIN block format",
  "pin-pan": "the card number is not 12 to 19 digits, or too short for the block",
  "pin-translation": "the PIN table forbids this translation",
  "pin-environment": "PIN translation in software needs a declared test environment",
  // --- derived keys
  "ksn-format": "the key serial number has the wrong length for its scheme",
  "counter-range": "the transaction counter is zero, or has more set bits than are legal",
  "ksn-unknown": "no base derivation key is known for this key serial number",
  // --- cards and chips
  "card-field": "expiry, service code, sequence or verification table is malformed",
  "cryptogram-version": "the issuer application data names no known cryptogram version",
  "cryptogram-wrong": "the application cryptogram does not verify",
  "cryptogram-field": "a field that the cryptogram covers is absent or has the wrong length",
  // --- host security module
  "hsm-refused": "the security module answered with an error code",
  "hsm-failed": "the security module answered that its hardware or its master key failed",
  "hsm-answer": "the security module's answer is not one to the command that was sent",
  "hsm-unavailable": "the security module did not answer, or is not connected"
} as const satisfies Record<string, string>

export type SecurityFaultCode = keyof typeof meanings

/** A refusal: a stable code for logs and metrics, and its meaning for people. */
export class SecurityFault {
  readonly code: SecurityFaultCode
  readonly meaning: string

  /** Use `fault(code)`: rows are made once and compared by identity. */
  constructor(code: SecurityFaultCode) {
    this.code = code
    this.meaning = meanings[code]
    Object.freeze(this)
  }
}

const rows = new Map(
  (Object.keys(meanings) as Array<SecurityFaultCode>).map((code) => [code, new SecurityFault(code)])
)

/** The one row of this code. */
export function fault(code: SecurityFaultCode): SecurityFault {
  const found = rows.get(code)
  invariant(found !== undefined, "every code has its row")
  return found
}

/** All rows, for documentation and tests. */
export function allFaults(): ReadonlyArray<SecurityFault> {
  return [...rows.values()]
}

/** True for a refusal, false for a result: `if (isFault(mac)) …`. */
export function isFault<T>(value: T | SecurityFault): value is SecurityFault {
  return value instanceof SecurityFault
}

/** A refusal where an Effect fails, as at the start: which key or file, never its content. */
export class SecurityRefused extends Schema.TaggedError<SecurityRefused>()("SecurityRefused", {
  code: Schema.String,
  key: Schema.String
}) {
  override get message(): string {
    const meaning = rows.get(this.code as SecurityFaultCode)?.meaning
    return meaning === undefined
      ? `${this.key}: ${this.code}`
      : `${this.key}: ${meaning} (${this.code})`
  }
}
