/**
 * Working keys on their way to a terminal: cryptograms under the terminal's master key with check
 * values, as field 62 of the China UnionPay sign-in answer carries them (protocol facts §1.8), and
 * as a 1987-style 0800 exchange does. What holds: a download of another length is refused and never
 * read beyond its end; a key counts only when its check value is right.
 *
 *   cup-24      | PIN 8 | KCV 4 | MAC 8 | KCV 4 |
 *   cup-40      | PIN 16 | KCV 4 | MAC 8 + 8 zero bytes, or 16 | KCV 4 |
 *   cup-60      | cup-40 | track 16 | KCV 4 |
 *   cup-56      | PIN 24 | KCV 4 | MAC 24 | KCV 4 |                       layout from memory
 *   cup-84      | cup-56 | track 24 | KCV 4 |
 *   cup-57-sm4  | PIN 16 | KCV 3 | MAC 16 | KCV 3 | track 16 | KCV 3 |    SM4; meaning inferred
 *   iso87       | PIN 8 or 16 | KCV 3 | MAC 8 or 16 | KCV 3 |  the private field is ours to shape
 */

import type { KeyPurpose, WorkingKeyShape } from "../domain/ports/security-module.ts"
import { type BlockAlgorithm, decryptBlocks, encryptBlocks, keyFits } from "./block-cipher.ts"
import { checkValue, newKey, verifyCheckValue } from "./key-material.ts"
import type { RandomBytes } from "./pin-block.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

interface Part {
  readonly purpose: KeyPurpose
  /** Bytes of the cryptogram in the download. */
  readonly bytes: number
  /** Bytes of the keys that we issue: a single-length key fills up with zero bytes. */
  readonly issued: number
}

interface Layout {
  readonly algorithm: BlockAlgorithm
  readonly checkBytes: number
  readonly parts: ReadonlyArray<Part>
}

function layout(
  checkBytes: number,
  lengths: Readonly<Partial<Record<KeyPurpose, number>>>,
  algorithm: BlockAlgorithm = "tdes",
  issuedMac = lengths.mac
): Layout {
  const purposes: ReadonlyArray<KeyPurpose> = ["pin", "mac", "track"]
  const parts = purposes.flatMap((purpose) => {
    const bytes = lengths[purpose]
    if (bytes === undefined) return []
    return [{ purpose, bytes, issued: purpose === "mac" ? issuedMac ?? bytes : bytes }]
  })
  return { algorithm, checkBytes, parts }
}

const layouts: Readonly<Record<WorkingKeyShape, Layout>> = {
  "cup-24": layout(4, { pin: 8, mac: 8 }),
  "cup-40": layout(4, { pin: 16, mac: 16 }, "tdes", 8),
  "cup-56": layout(4, { pin: 24, mac: 24 }),
  "cup-57-sm4": layout(3, { pin: 16, mac: 16, track: 16 }, "sm4"),
  "cup-60": layout(4, { pin: 16, mac: 16, track: 16 }, "tdes", 8),
  "cup-84": layout(4, { pin: 24, mac: 24, track: 24 }),
  "iso87-single": layout(3, { pin: 8, mac: 8 }),
  "iso87-double": layout(3, { pin: 16, mac: 16 })
}

const unionPayShapes: ReadonlyArray<WorkingKeyShape> = [
  "cup-24",
  "cup-40",
  "cup-56",
  "cup-57-sm4",
  "cup-60",
  "cup-84"
]

/** Clear working keys by purpose. The holder overwrites them when they have been put away. */
export type ClearKeys = Readonly<Partial<Record<KeyPurpose, Buffer>>>

/** Bytes of a download of this shape. */
export function downloadLength(shape: WorkingKeyShape): number {
  const { checkBytes, parts } = layouts[shape]
  return parts.reduce((sum, part) => sum + part.bytes + checkBytes, 0)
}

/** The China UnionPay shape of a field 62 of this length; undefined for any other length. */
export function unionPayShape(length: number): WorkingKeyShape | undefined {
  return unionPayShapes.find((shape) => downloadLength(shape) === length)
}

/** The cipher of the keys of this shape, and of the master key that they travel under. */
export function shapeAlgorithm(shape: WorkingKeyShape): BlockAlgorithm {
  return layouts[shape].algorithm
}

/** New keys of this shape, odd parity for DES. */
export function newWorkingKeys(shape: WorkingKeyShape, random: RandomBytes): ClearKeys {
  const { algorithm, parts } = layouts[shape]
  const keys: Partial<Record<KeyPurpose, Buffer>> = {}
  for (const part of parts) {
    const key = newKey(algorithm, part.issued, random)
    if (!isFault(key)) keys[part.purpose] = key
  }
  return keys
}

/** The keys that a shape needs, with the bytes that we issue. */
export function issuedLengths(
  shape: WorkingKeyShape
): ReadonlyArray<{ readonly purpose: KeyPurpose; readonly length: number }> {
  return layouts[shape].parts.map(({ purpose, issued }) => ({ purpose, length: issued }))
}

/** A key as it travels: cryptogram and check value, of which the shape uses the first bytes. */
export interface Cryptogram {
  readonly bytes: Uint8Array
  readonly checkValue: Uint8Array
}

/** Puts cryptograms together; fault `key-length`: one is missing or longer than its place. */
export function assembleDownload(
  shape: WorkingKeyShape,
  cryptograms: Readonly<Partial<Record<KeyPurpose, Cryptogram>>>
): Buffer | SecurityFault {
  const { checkBytes, parts } = layouts[shape]
  const download = Buffer.alloc(downloadLength(shape))
  let at = 0
  for (const part of parts) {
    const cryptogram = cryptograms[part.purpose]
    if (cryptogram === undefined || cryptogram.bytes.length > part.bytes) {
      return fault("key-length")
    }
    download.set(cryptogram.bytes, at)
    download.set(cryptogram.checkValue.subarray(0, checkBytes), at + part.bytes)
    at += part.bytes + checkBytes
  }
  return download
}

/** Fault `key-length`: a key is missing, or it or the master key does not fit the shape. */
export function writeDownload(
  shape: WorkingKeyShape,
  master: Uint8Array,
  keys: ClearKeys
): Buffer | SecurityFault {
  const { algorithm, checkBytes } = layouts[shape]
  if (!isMaster(algorithm, master)) return fault("key-length")
  const cryptograms: Partial<Record<KeyPurpose, Cryptogram>> = {}
  for (const purpose of ["pin", "mac", "track"] as const) {
    const key = keys[purpose]
    if (key === undefined) continue
    const check = checkValue(algorithm, key, "ecb", checkBytes)
    if (isFault(check)) return check
    cryptograms[purpose] = { bytes: encryptBlocks(algorithm, master, key), checkValue: check }
  }
  return assembleDownload(shape, cryptograms)
}

/**
 * The terminal's side. A cryptogram whose later blocks are all zero holds a single-length key.
 * Faults: `download-length`, `check-value-wrong`, `key-length`.
 */
export function readDownload(
  shape: WorkingKeyShape,
  master: Uint8Array,
  download: Uint8Array
): ClearKeys | SecurityFault {
  const { algorithm, checkBytes, parts } = layouts[shape]
  if (!isMaster(algorithm, master)) return fault("key-length")
  if (download.length !== downloadLength(shape)) return fault("download-length")
  const keys: Partial<Record<KeyPurpose, Buffer>> = {}
  let at = 0
  for (const part of parts) {
    const cryptogram = download.subarray(at, at + part.bytes)
    at += part.bytes
    const single = algorithm === "tdes" && cryptogram.subarray(8).every((byte) => byte === 0)
    const key = decryptBlocks(algorithm, master, single ? cryptogram.subarray(0, 8) : cryptogram)
    const given = download.subarray(at, at + checkBytes)
    at += checkBytes
    keys[part.purpose] = key
    const verified = verifyCheckValue(algorithm, key, given)
    if (isFault(verified)) {
      forget(keys)
      return verified
    }
  }
  return keys
}

/** Overwrites clear keys that are no longer wanted. */
export function forget(keys: ClearKeys): void {
  for (const key of Object.values(keys)) key.fill(0)
}

function isMaster(algorithm: BlockAlgorithm, master: Uint8Array): boolean {
  return keyFits(algorithm, master.length) && master.length >= 16
}
