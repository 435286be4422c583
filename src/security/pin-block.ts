/**
 * PIN blocks of ISO 9564-1, formats 0, 1, 3 and 4, and their translation. What holds: a clear PIN
 * exists only in the scratch below and is overwritten before a call returns; a PIN never changes
 * its card number; what the PCI PIN table forbids is refused by name.
 *
 *   0   | 0 | L | PIN, filled with F to 14 |          ^ | 0 0 0 0 | 12 digits before the check |
 *   1   | 1 | L | PIN, filled at random |             no card number
 *   3   | 3 | L | PIN, filled at random with A to F | ^ as format 0
 *   4   | 4 | L | PIN, filled with A to 14 | 8 random bytes |
 *       E(E(pin field) ^ | M | PAN | 0 … |),  M = digits of the PAN - 12, under AES
 *
 * Under an SM4 key format 0 has 16 bytes, both fields lengthened in the middle of their filler:
 * inferred from the newer China UnionPay dialects, no public vector.
 */

import type { PinFormat } from "../domain/ports/security-module.ts"
import type { BlockAlgorithm } from "./block-cipher.ts"
import type { CipherCache, CipherKind, KeySource } from "./cipher-cache.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

/** A key that enciphers PIN blocks, and with which cipher. */
export interface PinKey {
  readonly source: KeySource
  readonly algorithm: BlockAlgorithm
}

export interface PinTranslation {
  readonly from: PinKey
  readonly to: PinKey
  readonly fromFormat: PinFormat
  readonly toFormat: PinFormat
  /** 12 to 19 digits; 13 at least where the block leaves out the check digit. */
  readonly pan: string
  readonly block: Uint8Array
}

export type RandomBytes = (length: number) => Uint8Array

// One PIN at a time passes through a thread, and no call below re-enters another.
const digits = new Uint8Array(12)
const panField = new Uint8Array(16)

/**
 * The PCI PIN table (ISO 9564-1 clause 9.5): 0, 3 and 4 into each other, 1 into those and itself;
 * nothing else into 1, for it would loose the PIN from its card number.
 */
export function translationAllowed(from: PinFormat, to: PinFormat): boolean {
  return to !== 1 || from === 1
}

/**
 * The block under the other key and in the other format, for the same card number. Faults:
 * `pin-translation`, `key-unknown`, `key-length`, and those of `openPinBlock` and `sealPinBlock`.
 */
export function translatePin(
  cache: CipherCache,
  request: PinTranslation,
  random: RandomBytes
): Buffer | SecurityFault {
  if (!translationAllowed(request.fromFormat, request.toFormat)) return fault("pin-translation")
  const field = deciphered(cache, request.from, request.fromFormat, request.pan, request.block)
  if (isFault(field)) return field
  const length = readPin(request.fromFormat, field, request.pan)
  field.fill(0)
  const result = isFault(length)
    ? length
    : sealed(cache, request.to, request.toFormat, request.pan, length, random)
  digits.fill(0)
  return result
}

/**
 * Opens a block for the simulated issuer and hands the PIN's digits (values 0 to 9, valid during
 * the call) to `use`. Faults: `algorithm-unfit`, `length-unfit`, `pin-format`, `pin-length`,
 * `pin-digits`, `pin-pan`.
 */
export function openPinBlock<A>(
  cache: CipherCache,
  key: PinKey,
  format: PinFormat,
  pan: string,
  block: Uint8Array,
  use: (pin: Uint8Array) => A
): A | SecurityFault {
  const field = deciphered(cache, key, format, pan, block)
  if (isFault(field)) return field
  const length = readPin(format, field, pan)
  field.fill(0)
  if (isFault(length)) return length
  const pin = digits.slice(0, length)
  digits.fill(0)
  const result = use(pin)
  pin.fill(0)
  return result
}

/**
 * Makes a block, for a simulated terminal; `pin` as text or as digit values. Faults: `pin-length`,
 * `pin-digits`, `pin-pan`, `algorithm-unfit`, `key-unknown`.
 */
export function sealPinBlock(
  cache: CipherCache,
  key: PinKey,
  format: PinFormat,
  pan: string,
  pin: string | Uint8Array,
  random: RandomBytes
): Buffer | SecurityFault {
  if (pin.length < 4 || pin.length > 12) return fault("pin-length")
  for (let index = 0; index < pin.length; index++) {
    const digit = typeof pin === "string" ? pin.charCodeAt(index) - 48 : pin[index]!
    if (digit < 0 || digit > 9) {
      digits.fill(0)
      return fault("pin-digits")
    }
    digits[index] = digit
  }
  const result = sealed(cache, key, format, pan, pin.length, random)
  digits.fill(0)
  return result
}

// ---------------------------------------------------------------------------------------------
// internals

function unfit(key: PinKey, format: PinFormat): boolean {
  if (format === 4) return key.algorithm !== "aes"
  return key.algorithm === "aes" || (key.algorithm === "sm4" && format !== 0)
}

const decryptKinds: Readonly<Record<BlockAlgorithm, CipherKind>> = {
  tdes: "tdesDecrypt",
  aes: "aesDecrypt",
  sm4: "sm4Decrypt"
}
const encryptKinds: Readonly<Record<BlockAlgorithm, CipherKind>> = {
  tdes: "tdesEncrypt",
  aes: "aesEncrypt",
  sm4: "sm4Encrypt"
}

/** The clear PIN field, still joined with the card number's field in formats 0 and 3. */
function deciphered(
  cache: CipherCache,
  key: PinKey,
  format: PinFormat,
  pan: string,
  block: Uint8Array
): Buffer | SecurityFault {
  if (unfit(key, format)) return fault("algorithm-unfit")
  if (block.length !== (key.algorithm === "tdes" ? 8 : 16)) return fault("length-unfit")
  const kind = decryptKinds[key.algorithm]
  const first = cache.apply(key.source, kind, block)
  if (isFault(first) || format !== 4) return first
  if (!writeLongPan(pan)) {
    first.fill(0)
    return fault("pin-pan")
  }
  mix(first, panField)
  const field = cache.apply(key.source, kind, first)
  first.fill(0)
  return field
}

function sealed(
  cache: CipherCache,
  key: PinKey,
  format: PinFormat,
  pan: string,
  length: number,
  random: RandomBytes
): Buffer | SecurityFault {
  if (unfit(key, format)) return fault("algorithm-unfit")
  const kind = encryptKinds[key.algorithm]
  const field = Buffer.alloc(key.algorithm === "tdes" ? 8 : 16)
  const refused = writePin(format, field, pan, length, random)
  if (refused !== undefined) return refused
  const result = cache.apply(key.source, kind, field)
  field.fill(0)
  if (isFault(result) || format !== 4) return result
  if (!writeLongPan(pan)) return fault("pin-pan")
  mix(result, panField)
  return cache.apply(key.source, kind, result)
}

/** Reads `field` into `digits` and returns the PIN's length. */
function readPin(format: PinFormat, field: Uint8Array, pan: string): number | SecurityFault {
  if (format === 0 || format === 3) {
    if (!writeShortPan(pan, field.length)) return fault("pin-pan")
    mix(field, panField)
  }
  if (field[0]! >> 4 !== format) return fault("pin-format")
  const length = field[0]! & 15
  if (length < 4 || length > 12) return fault("pin-length")
  let wrong = 0
  for (let index = 0; index < length; index++) {
    const digit = nibble(field, index + 2)
    if (digit > 9) wrong++
    digits[index] = digit
  }
  const end = format === 4 ? 16 : field.length * 2
  for (let index = length + 2; index < end; index++) {
    const filler = nibble(field, index)
    if (format === 0 && filler !== 15) wrong++
    if (format === 3 && filler < 10) wrong++
    if (format === 4 && filler !== 10) wrong++
  }
  if (wrong === 0) return length
  digits.fill(0)
  return fault("pin-digits")
}

/** Writes the PIN in `digits` into a field of zeros. */
function writePin(
  format: PinFormat,
  field: Uint8Array,
  pan: string,
  length: number,
  random: RandomBytes
): SecurityFault | undefined {
  const joined = format === 0 || format === 3
  // Before the PIN is in the field, where a refusal would leave it.
  if (joined && !writeShortPan(pan, field.length)) return fault("pin-pan")
  const end = format === 4 ? 16 : field.length * 2
  const chance = format === 1 || format === 3 ? random(end - length - 2) : undefined
  setNibble(field, 0, format)
  setNibble(field, 1, length)
  for (let index = 0; index < length; index++) setNibble(field, index + 2, digits[index]!)
  for (let index = length + 2; index < end; index++) {
    const byte = chance === undefined ? 0 : chance[index - length - 2]!
    setNibble(field, index, format === 0 ? 15 : format === 4 ? 10 : fillerOf(format, byte))
  }
  if (format === 4) field.set(random(8), 8)
  if (joined) mix(field, panField)
  return undefined
}

function fillerOf(format: PinFormat, byte: number): number {
  return format === 3 ? 10 + ((byte * 6) >> 8) : byte & 15
}

/** Zeros and the 12 digits before the check digit, right-aligned in `size` bytes. */
function writeShortPan(pan: string, size: number): boolean {
  if (pan.length < 13 || pan.length > 19 || !digitsOnly(pan)) return false
  panField.fill(0)
  const start = pan.length - 13
  for (let index = 0; index < 12; index++) {
    setNibble(panField, size * 2 - 12 + index, pan.charCodeAt(start + index) - 48)
  }
  return true
}

/** Format 4: the count of digits above 12, the digits, zeros. */
function writeLongPan(pan: string): boolean {
  if (pan.length < 12 || pan.length > 19 || !digitsOnly(pan)) return false
  panField.fill(0)
  setNibble(panField, 0, pan.length - 12)
  for (let index = 0; index < pan.length; index++) {
    setNibble(panField, index + 1, pan.charCodeAt(index) - 48)
  }
  return true
}

function digitsOnly(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 48 || code > 57) return false
  }
  return true
}

function nibble(bytes: Uint8Array, index: number): number {
  const byte = bytes[index >> 1]!
  return index & 1 ? byte & 15 : byte >> 4
}

/** Sets a nibble that is zero. */
function setNibble(bytes: Uint8Array, index: number, value: number): void {
  bytes[index >> 1]! |= index & 1 ? value : value << 4
}

function mix(into: Uint8Array, other: Uint8Array): void {
  for (let index = 0; index < into.length; index++) into[index]! ^= other[index]!
}
