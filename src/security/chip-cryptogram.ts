/**
 * EMV cryptograms for the simulated issuer: verification of the card's ARQC, the response to it,
 * and the MAC of issuer scripts (EMV 4.3 book 2, annexes A1.3 and A1.4, section 8), for the Visa
 * cryptogram versions 10, 18 and 22. What holds: a cryptogram counts only when every field that it
 * covers is present in its length; comparison is constant time.
 *
 *   version   card key   session key          padding   response          script key
 *   10        A          the card key itself  zeros     method 1          Visa, from the counter
 *   18        B          common, from ATC     80, zeros method 2          Visa, from the counter
 *   22        B          common, from ATC     80, zeros method 2          common, from the ARQC
 *
 *   issuer application data (9F10), where the version stands:
 *   10, 18    | length 06 | key index | version | 4 bytes of card results | …
 *   22        | length 1F | version 22 hex | key index | …                   from memory
 */

import { hash } from "node:crypto"
import { encryptBlocks, xor } from "./block-cipher.ts"
import { CipherCache } from "./cipher-cache.ts"
import { withOddParity } from "./key-material.ts"
import { constantTimeEqual, makeMac } from "./mac.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

type CryptogramVersion = 10 | 18 | 22

/** Data objects by tag, upper-case hex (`9F02`), as `qr/ber-tlv` and field 55 give them. */
export type ChipFields = ReadonlyMap<string, Uint8Array>

interface CardIdentity {
  readonly pan: string
  /** Two digits, field 23 or tag 5F34; `00` when the card has none. */
  readonly sequence: string
}

const noKeys = new CipherCache({ maxKeys: 0, maxCiphers: 0 })

/** What the cryptogram covers, in order, with lengths; the card's results or all of 9F10 follow. */
const covered: ReadonlyArray<readonly [string, number]> = [
  ["9F02", 6],
  ["9F03", 6],
  ["9F1A", 2],
  ["95", 5],
  ["5F2A", 2],
  ["9A", 3],
  ["9C", 1],
  ["9F37", 4],
  ["82", 2],
  ["9F36", 2]
]

/** The cryptogram version in issuer application data; fault `cryptogram-version`. */
export function cryptogramVersion(issuerData: Uint8Array): CryptogramVersion | SecurityFault {
  if (issuerData.length < 7 || issuerData.length > 32) return fault("cryptogram-version")
  if (issuerData[0] === 0x1f && issuerData[1] === 0x22) return 22
  if (issuerData[2] === 0x0a) return 10
  return issuerData[2] === 0x12 ? 18 : fault("cryptogram-version")
}

/**
 * The card's key from the issuer's master key: option A from the last 16 digits of PAN and
 * sequence, option B the same through SHA-1 for PANs above 16 digits. Faults `key-length`,
 * `card-field`.
 */
export function cardKey(
  master: Uint8Array,
  card: CardIdentity,
  option: "A" | "B"
): Buffer | SecurityFault {
  if (master.length !== 16) return fault("key-length")
  if (!/^\d{12,19}$/.test(card.pan) || !/^\d\d$/.test(card.sequence)) return fault("card-field")
  const whole = card.pan + card.sequence
  const digits = option === "A" || card.pan.length <= 16
    ? whole.slice(-16).padStart(16, "0")
    : hashedDigits(whole)
  const left = Buffer.from(digits, "hex")
  const right = left.map((byte) => byte ^ 0xff)
  return withOddParity(encryptBlocks("tdes", master, Buffer.concat([left, right])))
}

/** Common session key derivation (A1.3.1) with the 8-byte value `diversifier`. */
export function commonSessionKey(
  key: Uint8Array,
  diversifier: Uint8Array
): Buffer | SecurityFault {
  if (key.length !== 16) return fault("key-length")
  if (diversifier.length !== 8) return fault("cryptogram-field")
  const input = Buffer.concat([diversifier, diversifier])
  input[2] = 0xf0
  input[10] = 0x0f
  return withOddParity(encryptBlocks("tdes", key, input))
}

/** Visa's script key: the card key with the counter, and its complement, in its halves' ends. */
export function visaScriptKey(key: Uint8Array, counter: Uint8Array): Buffer | SecurityFault {
  if (key.length !== 16) return fault("key-length")
  if (counter.length !== 2) return fault("cryptogram-field")
  const result = Buffer.from(key)
  for (let index = 0; index < 2; index++) {
    result[6 + index]! ^= counter[index]!
    result[14 + index]! ^= counter[index]! ^ 0xff
  }
  return withOddParity(result)
}

/** An application cryptogram: retail MAC over `data`. Fault `key-length`. */
export function applicationCryptogram(
  session: Uint8Array,
  data: Uint8Array,
  padding: 1 | 2
): Buffer | SecurityFault {
  return retail(session, data, padding)
}

/**
 * Makes the cryptogram that a card with these fields would make. Faults `cryptogram-version`,
 * `cryptogram-field`, `key-length`, `card-field`.
 */
export function cardCryptogram(
  master: Uint8Array,
  card: CardIdentity,
  fields: ChipFields
): Buffer | SecurityFault {
  const issuerData = fields.get("9F10")
  if (issuerData === undefined) return fault("cryptogram-field")
  const version = cryptogramVersion(issuerData)
  if (isFault(version)) return version
  const parts: Array<Uint8Array> = []
  for (const [tag, length] of covered) {
    const value = fields.get(tag)
    if (value === undefined || value.length !== length) return fault("cryptogram-field")
    parts.push(value)
  }
  parts.push(version === 10 ? issuerData.subarray(3, 7) : issuerData)
  const session = sessionKey(master, card, version, fields)
  if (isFault(session)) return session
  const made = retail(session, Buffer.concat(parts), version === 10 ? 1 : 2)
  session.fill(0)
  return made
}

/** Verifies tag 9F26; faults `cryptogram-wrong` and those of `cardCryptogram`. */
export function verifyCryptogram(
  master: Uint8Array,
  card: CardIdentity,
  fields: ChipFields
): true | SecurityFault {
  const given = fields.get("9F26")
  if (given === undefined || given.length !== 8) return fault("cryptogram-field")
  const made = cardCryptogram(master, card, fields)
  if (isFault(made)) return made
  return constantTimeEqual(made, given) ? true : fault("cryptogram-wrong")
}

/** Response method 1: `code` is the 2-byte response code; 8 bytes. Tag 91 holds ARPC ‖ code. */
export function responseByMethod1(
  session: Uint8Array,
  cryptogram: Uint8Array,
  code: Uint8Array
): Buffer | SecurityFault {
  if (session.length !== 16) return fault("key-length")
  if (cryptogram.length !== 8 || code.length !== 2) return fault("cryptogram-field")
  const padded = Buffer.alloc(8)
  padded.set(code)
  return encryptBlocks("tdes", session, xor(cryptogram, padded))
}

/** Response method 2: 4-byte card status update and up to 8 bytes of the issuer's; 4 bytes. */
export function responseByMethod2(
  session: Uint8Array,
  cryptogram: Uint8Array,
  statusUpdate: Uint8Array,
  proprietary: Uint8Array = new Uint8Array(0)
): Buffer | SecurityFault {
  if (cryptogram.length !== 8 || statusUpdate.length !== 4 || proprietary.length > 8) {
    return fault("cryptogram-field")
  }
  const mac = retail(session, Buffer.concat([cryptogram, statusUpdate, proprietary]), 2)
  return isFault(mac) ? mac : mac.subarray(0, 4)
}

/** Tag 91 for an answer to this card: `code` by method 1, or a status update of zeros by 2. */
export function issuerAuthentication(
  master: Uint8Array,
  card: CardIdentity,
  fields: ChipFields,
  code: Uint8Array
): Buffer | SecurityFault {
  const cryptogram = fields.get("9F26") ?? new Uint8Array(0)
  const version = cryptogramVersion(fields.get("9F10") ?? new Uint8Array(0))
  if (isFault(version)) return version
  const session = sessionKey(master, card, version, fields)
  if (isFault(session)) return session
  const second = version === 10 ? code : new Uint8Array(4)
  const response = version === 10
    ? responseByMethod1(session, cryptogram, code)
    : responseByMethod2(session, cryptogram, second)
  session.fill(0)
  return isFault(response) ? response : Buffer.concat([response, second])
}

/**
 * The MAC of an issuer script command. Versions 10 and 18 cover header, counter, cryptogram, data
 * under Visa's key; 22 covers header and data under the common key. Faults as above.
 */
export function scriptMac(
  integrityMaster: Uint8Array,
  card: CardIdentity,
  fields: ChipFields,
  header: Uint8Array,
  data: Uint8Array = new Uint8Array(0)
): Buffer | SecurityFault {
  const version = cryptogramVersion(fields.get("9F10") ?? new Uint8Array(0))
  if (isFault(version)) return version
  const counter = fields.get("9F36") ?? new Uint8Array(0)
  const cryptogram = fields.get("9F26") ?? new Uint8Array(0)
  if (cryptogram.length !== 8) return fault("cryptogram-field")
  const key = cardKey(integrityMaster, card, version === 10 ? "A" : "B")
  if (isFault(key)) return key
  const session = version === 22 ? commonSessionKey(key, cryptogram) : visaScriptKey(key, counter)
  key.fill(0)
  if (isFault(session)) return session
  const parts = version === 22 ? [header, data] : [header, counter, cryptogram, data]
  const mac = retail(session, Buffer.concat(parts), 2)
  session.fill(0)
  return mac
}

// ---------------------------------------------------------------------------------------------
// internals

function sessionKey(
  master: Uint8Array,
  card: CardIdentity,
  version: CryptogramVersion,
  fields: ChipFields
): Buffer | SecurityFault {
  const key = cardKey(master, card, version === 10 ? "A" : "B")
  if (isFault(key) || version === 10) return key
  const counter = fields.get("9F36")
  const diversifier = Buffer.alloc(8)
  if (counter?.length !== 2) return fault("cryptogram-field")
  diversifier.set(counter)
  const session = commonSessionKey(key, diversifier)
  key.fill(0)
  return session
}

function retail(key: Uint8Array, bytes: Uint8Array, padding: 1 | 2): Buffer | SecurityFault {
  const mac = makeMac(noKeys, key, { name: "x9.19", padding }, bytes)
  return isFault(mac) ? mac : Buffer.from(mac)
}

/** Option B: 16 digits of the hash, letters a to f becoming 0 to 5 where digits run out. */
function hashedDigits(text: string): string {
  const padded = text.length % 2 === 0 ? text : `0${text}`
  const hex = hash("sha1", Buffer.from(padded, "hex"), "hex")
  const digits = hex.replaceAll(/[a-f]/g, "")
  const letters = hex.replaceAll(/\d/g, "").replaceAll(
    /[a-f]/g,
    (letter) => String(Number.parseInt(letter, 16) - 10)
  )
  return (digits + letters).slice(0, 16)
}
