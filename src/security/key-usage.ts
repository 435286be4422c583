/**
 * What a key block permits: the usage, algorithm and mode that its header must carry for the work
 * it is asked to do (X9.143, tables 2 to 4). What holds: no key from a block is used unasked.
 */

import type { KeyPurpose, MacAlgorithm } from "../domain/ports/security-module.ts"
import type { BlockAlgorithm } from "./block-cipher.ts"
import type { KeyAttributes } from "./key-block.ts"

/** What is about to be done with a key. */
type KeyOperation = "encrypt" | "decrypt" | "generate" | "verify" | "derive"

const modes: Readonly<Record<KeyOperation, string>> = {
  encrypt: "BEN",
  decrypt: "BDN",
  generate: "CGN",
  verify: "CVN",
  derive: "XN"
}

const purposeUsages: Readonly<Record<KeyPurpose, ReadonlyArray<string>>> = {
  pin: ["P0"],
  mac: ["M0", "M1", "M3", "M6", "M7"],
  track: ["D0"]
}

/** By algorithm: the usages, and the algorithm letters (`T` and `D` are both DES). */
const macRules: Readonly<Record<MacAlgorithm["name"], readonly [ReadonlyArray<string>, string]>> = {
  "cup-ecb": [["M0", "M1", "M3"], "TD"],
  "cup-cbc": [["M0", "M1", "M3"], "TD"],
  "x9.9": [["M0", "M1"], "TD"],
  "x9.19": [["M0", "M3"], "TD"],
  "aes-cmac": [["M6"], "A"],
  "hmac-sha256": [["M7"], "H"],
  "hmac-sm3": [["M7"], "H"],
  "cup-ecb-sm4": [["M1"], "4"],
  "sm4-cbc": [["M1"], "4"]
}

export function modeAllows(attributes: KeyAttributes, operation: KeyOperation): boolean {
  return modes[operation].includes(attributes.mode)
}

/** May a key with the mode `given` do no more than one with the mode `kept`? */
export function isWithin(given: string, kept: string): boolean {
  return given === kept || (kept === "B" && "ED".includes(given)) ||
    (kept === "C" && "GV".includes(given))
}

/** Is a key of these attributes one for this purpose at all? */
export function serves(attributes: KeyAttributes, purpose: KeyPurpose): boolean {
  return purposeUsages[purpose].includes(attributes.usage)
}

/** May the key make or verify this MAC? */
export function macAllowed(
  attributes: KeyAttributes,
  algorithm: MacAlgorithm,
  operation: "generate" | "verify"
): boolean {
  const [usages, letters] = macRules[algorithm.name]
  return usages.includes(attributes.usage) && letters.includes(attributes.algorithm) &&
    modeAllows(attributes, operation)
}

/** The block cipher behind the header's algorithm letter; undefined for HMAC and unknown ones. */
export function cipherOf(attributes: KeyAttributes): BlockAlgorithm | undefined {
  switch (attributes.algorithm) {
    case "T":
    case "D":
      return "tdes"
    case "A":
      return "aes"
    case "4":
      return "sm4"
    default:
      return undefined
  }
}

/** The header of a new working key, for both directions. */
export function workingAttributes(
  purpose: KeyPurpose,
  algorithm: BlockAlgorithm,
  length: number
): KeyAttributes {
  const single = algorithm === "tdes" && length === 8
  const letter = algorithm === "aes" ? "A" : algorithm === "sm4" ? "4" : single ? "D" : "T"
  return {
    usage: purpose === "pin" ? "P0" : purpose === "track" ? "D0" : macUsage(algorithm, length),
    algorithm: letter,
    mode: purpose === "mac" ? "C" : "B",
    keyVersion: "00",
    exportability: "S"
  }
}

function macUsage(algorithm: BlockAlgorithm, length: number): string {
  if (algorithm === "aes") return "M6"
  if (algorithm === "sm4" || length === 8) return "M1"
  // China UnionPay's ECB takes 24 bytes; algorithm 3 has no such key.
  return length === 16 ? "M3" : "M0"
}
