/**
 * Key blocks, TR-31 / ASC X9.143, versions A to D: a key, what it may be used for, and a MAC over
 * both. What holds: usage and mode of a key come from a header that was authenticated, never from
 * the side; a block that is forged, foreign or of the wrong length gives nothing but a fault.
 *
 *   0 version  1..4 total length  5..6 usage  7 algorithm  8 mode  9..10 key version
 *   11 exportability  12..13 count of optional blocks  14..15 reserved
 *   | header 16 | optional blocks | cipher text, hex | MAC, hex: A C 4 bytes, B 8, D 16 |
 *
 *   plain text:  | key length in bits, 2 bytes | key | random fill to whole blocks |
 *
 *   A, C  CBC under K ^ 45…45, start value = header[0,8); MAC under K ^ 4D…4D over the cipher text
 *   B, D  CBC under a derived key, start value = MAC; MAC = CMAC over header and plain text
 */

import {
  type BlockAlgorithm,
  blockSize,
  decryptChain,
  encryptChain,
  keyFits
} from "./block-cipher.ts"
import { CipherCache } from "./cipher-cache.ts"
import { cmac, constantTimeEqual } from "./mac.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

export type KeyBlockVersion = "A" | "B" | "C" | "D"

/**
 * Key usage: `P0` PIN encryption, `M0 M1 M3` DES MACs, `M6` CMAC, `M7` HMAC, `D0` data, `K0` `K1`
 * key protection, `B0` DUKPT base, `C0` card verification, `V1` IBM PIN, `V2` PVV, `E0` to `E6`
 * EMV.
 */
type KeyUsage = string

/**
 * `B` both, `E` encrypt, `D` decrypt, `C` MAC both, `G` generate, `V` verify, `X` derive, `N` any.
 */
type ModeOfUse = string

/** `T` triple DES, `D` DES, `A` AES, `H` HMAC, `4` SM4 (a proprietary value: X9.143 has none). */
type KeyAlgorithmLetter = string

export interface KeyAttributes {
  readonly usage: KeyUsage
  readonly algorithm: KeyAlgorithmLetter
  readonly mode: ModeOfUse
  /** Two characters; `00` when the key has no version. */
  readonly keyVersion: string
  /** `E` under a trusted key, `N` never, `S` sensitive. */
  readonly exportability: string
}

export interface UnwrappedKey {
  readonly version: KeyBlockVersion
  readonly attributes: KeyAttributes
  /** Optional blocks as they stand: identifier and content. */
  readonly optional: ReadonlyArray<{ readonly id: string; readonly content: string }>
  readonly key: Buffer
}

/** The longest block we read; X9.143 allows 9999, an RSA key needs 3,000. */
const maxBlockCharacters = 4096

interface VersionRow {
  readonly algorithm: "tdes" | "aes"
  readonly macBytes: number
  /** Keys are made by XOR with a constant (A, C) instead of derivation by CMAC (B, D). */
  readonly variant: boolean
}

const versions: Readonly<Record<KeyBlockVersion, VersionRow>> = {
  A: { algorithm: "tdes", macBytes: 4, variant: true },
  B: { algorithm: "tdes", macBytes: 8, variant: false },
  C: { algorithm: "tdes", macBytes: 4, variant: true },
  D: { algorithm: "aes", macBytes: 16, variant: false }
}

const oneShot = new CipherCache({ maxKeys: 0, maxCiphers: 0 })

interface ProtectionKeys {
  readonly encryption: Uint8Array
  readonly authentication: Uint8Array
}

/** A protection key that is used again and again: what is derived from it is derived once. */
export class KeyProtection {
  readonly key: Uint8Array
  readonly #derived = new Map<VersionRow, ProtectionKeys>()

  constructor(key: Uint8Array) {
    this.key = key
  }

  /** Encryption and authentication key for blocks of this version. */
  keys(row: VersionRow): ProtectionKeys {
    const known = this.#derived.get(row)
    if (known !== undefined) return known
    const made = protectionKeys(row, this.key)
    this.#derived.set(row, made)
    return made
  }
}

/**
 * Wraps a key. `random` gives the fill: TDES keys are filled up to 24 bytes and AES keys to 32, so
 * that the block's length does not tell the key's. Returns the block's ASCII text.
 * Faults: `block-protection-key`, `key-length`, `block-format` (attributes).
 */
export function wrapKeyBlock(
  protection: Uint8Array | KeyProtection,
  version: KeyBlockVersion,
  attributes: KeyAttributes,
  key: Uint8Array,
  random: (length: number) => Uint8Array
): string | SecurityFault {
  const row = versions[version]
  if (!protects(row, protection)) return fault("block-protection-key")
  if (key.length === 0 || key.length > 512) return fault("key-length")
  const size = blockSize(row.algorithm)
  const masked = Math.max(key.length, attributes.algorithm === "A" ? 32 : 24)
  const plain = Buffer.alloc(Math.ceil((2 + masked) / size) * size)
  plain.writeUInt16BE(key.length * 8, 0)
  plain.set(key, 2)
  plain.set(random(plain.length - 2 - key.length), 2 + key.length)
  const characters = 16 + (plain.length + row.macBytes) * 2
  const header = version + String(characters).padStart(4, "0") + attributes.usage +
    attributes.algorithm + attributes.mode + attributes.keyVersion + attributes.exportability +
    "0000"
  if (!/^[A-D]\d{4}[0-9A-Z]{2}[0-9A-Z][0-9A-Z][0-9A-Za-z]{2}[ENS]0000$/.test(header)) {
    return fault("block-format")
  }
  const sealed = withKeys(row, protection, (keys) => {
    return seal(row, keys, Buffer.from(header, "latin1"), plain)
  })
  plain.fill(0)
  return header + sealed.toString("hex").toUpperCase()
}

/**
 * Unwraps a block and checks everything about it. Faults: `block-format`, `block-length`,
 * `block-protection-key`, `block-forged`, `key-length`.
 */
export function unwrapKeyBlock(
  protection: Uint8Array | KeyProtection,
  block: string
): UnwrappedKey | SecurityFault {
  if (block.length < 16 || block.length > maxBlockCharacters) return fault("block-length")
  const version = versionOf(block)
  if (version === undefined) return fault("block-format")
  const row = versions[version]
  if (!/^[A-D]\d{4}[0-9A-Z]{4}[0-9A-Za-z]{2}[A-Z]\d\d/.test(block)) return fault("block-format")
  if (Number(block.slice(1, 5)) !== block.length) return fault("block-length")
  const optional = optionalBlocks(block)
  if (isFault(optional)) return optional
  if (!protects(row, protection)) return fault("block-protection-key")
  const header = Buffer.from(block.slice(0, optional.end), "latin1")
  const body = block.slice(optional.end)
  const size = blockSize(row.algorithm)
  const cipherBytes = body.length / 2 - row.macBytes
  if (!/^[0-9A-Fa-f]*$/.test(body) || header.length % size !== 0) return fault("block-format")
  if (cipherBytes < size || cipherBytes % size !== 0) return fault("block-length")
  const bytes = Buffer.from(body, "hex")
  const plain = withKeys(row, protection, (keys) => {
    return open(row, keys, header, bytes.subarray(0, cipherBytes), bytes.subarray(cipherBytes))
  })
  if (isFault(plain)) return plain
  const key = keyOf(plain)
  plain.fill(0)
  if (isFault(key)) return key
  return { version, attributes: attributesOf(block), optional: optional.blocks, key }
}

/** The header's attributes without a check of the MAC: for listings, never for decisions. */
export function attributesOf(block: string): KeyAttributes {
  return {
    usage: block.slice(5, 7),
    algorithm: block.slice(7, 8),
    mode: block.slice(8, 9),
    keyVersion: block.slice(9, 11),
    exportability: block.slice(11, 12)
  }
}

// ---------------------------------------------------------------------------------------------
// internals

function versionOf(block: string): KeyBlockVersion | undefined {
  const letter = block.slice(0, 1)
  return letter === "A" || letter === "B" || letter === "C" || letter === "D" ? letter : undefined
}

function protects(row: VersionRow, protection: Uint8Array | KeyProtection): boolean {
  const { length } = protection instanceof KeyProtection ? protection.key : protection
  return keyFits(row.algorithm, length) && length >= 16
}

/** Works with the keys that are derived from a protection key; those of one call are wiped. */
function withKeys<A>(
  row: VersionRow,
  protection: Uint8Array | KeyProtection,
  work: (keys: ProtectionKeys) => A
): A {
  if (protection instanceof KeyProtection) return work(protection.keys(row))
  const keys = protectionKeys(row, protection)
  const result = work(keys)
  keys.encryption.fill(0)
  keys.authentication.fill(0)
  return result
}

/**
 * `| id 2 | length 2 hex, of the whole optional block | content |`; the extended form for 256 and
 * above: `| id 2 | 00 | bytes of the length 2 hex, each two digits | length | content |`.
 */
function optionalBlocks(block: string): {
  readonly end: number
  readonly blocks: ReadonlyArray<{ readonly id: string; readonly content: string }>
} | SecurityFault {
  const blocks: Array<{ readonly id: string; readonly content: string }> = []
  let at = 16
  for (let count = Number(block.slice(12, 14)); count > 0; count--) {
    let start = at + 4
    let length = parseHex(block.slice(at + 2, start))
    if (length === 0) {
      const bytes = parseHex(block.slice(start, start + 2))
      if (bytes === undefined) return fault("block-format")
      start += 2 + 2 * bytes
      length = parseHex(block.slice(start - 2 * bytes, start))
    }
    if (length === undefined || at + length < start || at + length > block.length) {
      return fault("block-format")
    }
    blocks.push({ id: block.slice(at, at + 2), content: block.slice(start, at + length) })
    at += length
  }
  return { end: at, blocks }
}

function parseHex(text: string): number | undefined {
  return /^[0-9A-Fa-f]{1,6}$/.test(text) ? Number.parseInt(text, 16) : undefined
}

function seal(
  row: VersionRow,
  { authentication, encryption }: ProtectionKeys,
  header: Buffer,
  plain: Buffer
): Buffer {
  if (row.variant) {
    const cipher = encryptChain("tdes", encryption, header.subarray(0, 8), plain)
    return Buffer.concat([cipher, variantMac(authentication, header, cipher)])
  }
  const mac = derivedMac(row, authentication, header, plain)
  return Buffer.concat([encryptChain(row.algorithm, encryption, startOf(row, mac), plain), mac])
}

function open(
  row: VersionRow,
  { authentication, encryption }: ProtectionKeys,
  header: Buffer,
  cipher: Buffer,
  mac: Buffer
): Buffer | SecurityFault {
  if (row.variant) {
    const right = constantTimeEqual(variantMac(authentication, header, cipher), mac)
    return right
      ? decryptChain("tdes", encryption, header.subarray(0, 8), cipher)
      : fault("block-forged")
  }
  const plain = decryptChain(row.algorithm, encryption, startOf(row, mac), cipher)
  if (constantTimeEqual(derivedMac(row, authentication, header, plain), mac)) return plain
  plain.fill(0)
  return fault("block-forged")
}

function startOf(row: VersionRow, mac: Buffer): Buffer {
  return mac.subarray(0, blockSize(row.algorithm))
}

function variantMac(key: Uint8Array, header: Buffer, cipher: Buffer): Buffer {
  const chain = encryptChain("tdes", key, new Uint8Array(8), Buffer.concat([header, cipher]))
  return chain.subarray(chain.length - 8, chain.length - 4)
}

function derivedMac(row: VersionRow, key: Uint8Array, header: Buffer, plain: Buffer): Buffer {
  const covered = Buffer.concat([header, plain])
  const mac = cmac(oneShot, key, row.algorithm, covered)
  covered.fill(0)
  return isFault(mac) ? Buffer.alloc(0) : Buffer.from(mac)
}

function protectionKeys(row: VersionRow, protection: Uint8Array): ProtectionKeys {
  if (row.variant) {
    return {
      encryption: protection.map((byte) => byte ^ 0x45),
      authentication: protection.map((byte) => byte ^ 0x4d)
    }
  }
  return {
    encryption: derived(row.algorithm, protection, 0),
    authentication: derived(row.algorithm, protection, 1)
  }
}

/** `| counter 1 | purpose 2 | 00 | algorithm 2 | length in bits 2 |` through CMAC, in turns. */
function derived(algorithm: BlockAlgorithm, protection: Uint8Array, purpose: 0 | 1): Buffer {
  const length = protection.length
  const number = algorithm === "aes" ? length / 8 : length / 8 - 2
  const parts: Array<Uint8Array> = []
  for (let counter = 1; (counter - 1) * blockSize(algorithm) < length; counter++) {
    const input = Buffer.from([
      counter,
      0,
      purpose,
      0,
      0,
      number,
      length >> 5,
      (length << 3) & 0xff
    ])
    const part = cmac(oneShot, protection, algorithm === "aes" ? "aes" : "tdes", input)
    if (!isFault(part)) parts.push(part)
  }
  const whole = Buffer.concat(parts)
  for (const part of parts) part.fill(0)
  return whole.subarray(0, length)
}

function keyOf(plain: Buffer): Buffer | SecurityFault {
  const bits = plain.readUInt16BE(0)
  const length = bits / 8
  if (bits === 0 || bits % 8 !== 0 || length > plain.length - 2) return fault("key-length")
  return Buffer.from(plain.subarray(2, 2 + length))
}
