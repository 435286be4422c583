/**
 * Values that an issuer derives from a card: CVV in its three forms, PVV, IBM 3624 PIN and offset.
 * For the simulated issuer; the switch itself never holds these keys. What holds: PINs come and go
 * as digit values in buffers that the caller overwrites, and no fault repeats a digit.
 */

import { blockSize, decryptBlocks, encryptBlocks, keyFits, xor } from "./block-cipher.ts"
import { constantTimeEqual } from "./mac.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

/** Service codes that stand in for the card's own: CVV2 has 000, the chip's iCVV has 999. */
export const serviceCodes = { cvv2: "000", icvv: "999" } as const

/**
 * CVV, CVV2 or iCVV, three digits. `key` is CVK A ‖ CVK B; `expiry` is 4 digits, YYMM for CVV and
 * iCVV, and for CVV2 in the order that the issuer chose. Faults `key-length`, `card-field`.
 */
export function cardVerificationValue(
  key: Uint8Array,
  pan: string,
  expiry: string,
  serviceCode: string
): string | SecurityFault {
  if (key.length !== 16) return fault("key-length")
  if (!/^\d{12,19}$/.test(pan) || !/^\d{4}$/.test(expiry) || !/^\d{3}$/.test(serviceCode)) {
    return fault("card-field")
  }
  const input = Buffer.from((pan + expiry + serviceCode).padEnd(32, "0"), "hex")
  const first = encryptBlocks("tdes", key.subarray(0, 8), input.subarray(0, 8))
  const result = encryptBlocks("tdes", key, xor(first, input.subarray(8)))
  return decimals(result, 3)
}

/**
 * Visa PVV, four digits: the 11 PAN digits before the check digit, the key index, the PIN's first
 * four. Faults `key-length`, `card-field`, `pin-pan`, `pin-length`, `pin-digits`.
 */
export function pinVerificationValue(
  key: Uint8Array,
  keyIndex: number,
  pan: string,
  pin: Uint8Array
): string | SecurityFault {
  if (key.length !== 16) return fault("key-length")
  if (!Number.isInteger(keyIndex) || keyIndex < 0 || keyIndex > 9) return fault("card-field")
  if (!/^\d{12,19}$/.test(pan)) return fault("pin-pan")
  const wrong = misshapen(pin)
  if (wrong !== undefined) return wrong
  const input = Buffer.from(`${pan.slice(-12, -1)}${keyIndex}0000`, "hex")
  input[6] = (pin[0]! << 4) | pin[1]!
  input[7] = (pin[2]! << 4) | pin[3]!
  const result = encryptBlocks("tdes", key, input)
  input.fill(0)
  return decimals(result, 4)
}

/** True when the PIN has this PVV. */
export function pinMatchesPvv(
  key: Uint8Array,
  keyIndex: number,
  pan: string,
  pin: Uint8Array,
  pvv: string
): boolean | SecurityFault {
  const made = pinVerificationValue(key, keyIndex, pan, pin)
  return isFault(made) ? made : constantTimeEqual(Buffer.from(made), Buffer.from(pvv))
}

/** How an issuer validates PINs by IBM 3624. */
interface IbmScheme {
  /** Sixteen digits: what hex digits 0 to F become. */
  readonly decimalisation: string
  /** Hex digits that are enciphered, 16 of them: cut from the PAN and padded by the issuer. */
  readonly validation: string
}

/** The natural PIN of a card, as digit values. Faults `key-length`, `card-field`, `pin-length`. */
export function ibmNaturalPin(
  key: Uint8Array,
  scheme: IbmScheme,
  length: number
): Uint8Array | SecurityFault {
  if (key.length !== 8 && key.length !== 16 && key.length !== 24) return fault("key-length")
  const { decimalisation, validation } = scheme
  if (!/^\d{16}$/.test(decimalisation) || !/^[0-9A-Fa-f]{16}$/.test(validation)) {
    return fault("card-field")
  }
  if (length < 4 || length > 12) return fault("pin-length")
  const block = encryptBlocks("tdes", key, Buffer.from(validation, "hex"))
  const pin = new Uint8Array(length)
  for (let index = 0; index < length; index++) {
    const byte = block[index >> 1]!
    pin[index] = Number(decimalisation[index & 1 ? byte & 15 : byte >> 4])
  }
  block.fill(0)
  return pin
}

/** The offset of a PIN that the customer chose: digit by digit PIN - natural PIN, modulo 10. */
export function ibmOffset(
  key: Uint8Array,
  scheme: IbmScheme,
  pin: Uint8Array
): string | SecurityFault {
  const wrong = misshapen(pin)
  if (wrong !== undefined) return wrong
  const natural = ibmNaturalPin(key, scheme, pin.length)
  if (isFault(natural)) return natural
  const offset = [...pin].map((digit, index) => (digit + 10 - natural[index]!) % 10).join("")
  natural.fill(0)
  return offset
}

/** True when the PIN is the natural one plus this offset. */
export function pinMatchesOffset(
  key: Uint8Array,
  scheme: IbmScheme,
  pin: Uint8Array,
  offset: string
): boolean | SecurityFault {
  const made = ibmOffset(key, scheme, pin)
  return isFault(made) ? made : constantTimeEqual(Buffer.from(made), Buffer.from(offset))
}

/**
 * China UnionPay track encryption (protocol facts §1.9): of a packed track the block that ends one
 * byte before the last is enciphered in place; 8 bytes, with SM4 16 (inferred). Faults
 * `length-unfit`, `key-length`.
 */
export function encryptTrack(
  algorithm: "tdes" | "sm4",
  key: Uint8Array,
  track: Uint8Array
): Buffer | SecurityFault {
  return turnTrack(algorithm, key, track, encryptBlocks)
}

/** The inverse of `encryptTrack`. */
export function decryptTrack(
  algorithm: "tdes" | "sm4",
  key: Uint8Array,
  track: Uint8Array
): Buffer | SecurityFault {
  return turnTrack(algorithm, key, track, decryptBlocks)
}

function turnTrack(
  algorithm: "tdes" | "sm4",
  key: Uint8Array,
  track: Uint8Array,
  turn: typeof encryptBlocks
): Buffer | SecurityFault {
  if (!keyFits(algorithm, key.length)) return fault("key-length")
  const size = blockSize(algorithm)
  const start = track.length - 1 - size
  if (start < 0) return fault("length-unfit")
  const result = Buffer.from(track)
  result.set(turn(algorithm, key, track.subarray(start, start + size)), start)
  return result
}

/** The block's decimal digits first, then its letters less 10, up to `count`. */
function decimals(block: Buffer, count: number): string {
  const hex = block.toString("hex")
  const digits = hex.replaceAll(/[a-f]/g, "")
  const letters = hex.replaceAll(/\d/g, "").replaceAll(
    /[a-f]/g,
    (letter) => String(Number.parseInt(letter, 16) - 10)
  )
  block.fill(0)
  return (digits + letters).slice(0, count)
}

function misshapen(pin: Uint8Array): SecurityFault | undefined {
  if (pin.length < 4 || pin.length > 12) return fault("pin-length")
  return pin.some((digit) => digit > 9) ? fault("pin-digits") : undefined
}
