/**
 * The kinds of keys that people make by hand, each with the header that its block will carry. What
 * holds: a key is for one use; whoever makes one picks a kind, not attributes.
 */

import type { KeyAttributes } from "./key-block.ts"

export interface KeyKind {
  readonly attributes: KeyAttributes
  /** Bytes of a key that is made. */
  readonly length: number
  /** Bytes of a key that is brought in. */
  readonly lengths: ReadonlyArray<number>
  readonly meaning: string
}

function kind(
  header: string,
  length: number,
  meaning: string,
  lengths: ReadonlyArray<number> = [length]
): KeyKind {
  const attributes: KeyAttributes = {
    usage: header.slice(0, 2),
    algorithm: header.slice(2, 3),
    mode: header.slice(3, 4),
    keyVersion: "00",
    exportability: header.slice(4, 5)
  }
  return { attributes, length, lengths, meaning }
}

const tdes = [16, 24]
const aes = [16, 24, 32]

/** Usage, algorithm, mode, exportability; length in bytes. */
export const keyKinds = {
  "terminal-master": kind("K0TBS", 16, "terminal master key: working keys travel under it"),
  "terminal-master-sm4": kind("K04BS", 16, "terminal master key of the SM4 dialects (inferred)"),
  "zone-master": kind("K0TBS", 16, "zone master key shared with an acquirer", tdes),
  "block-protection": kind("K1ABN", 32, "key block protection key, AES: version D", aes),
  "block-protection-tdes": kind("K1TBN", 24, "key block protection key: versions A to C", tdes),
  pin: kind("P0TBS", 16, "PIN key, triple DES: formats 0, 1 and 3", tdes),
  "pin-aes": kind("P0ABS", 16, "PIN key, AES: format 4", aes),
  mac: kind("M3TCS", 16, "MAC key, ANSI X9.19 and China UnionPay with 16 bytes"),
  "mac-single": kind("M1DCS", 8, "MAC key, ANSI X9.9 and China UnionPay with 8 bytes"),
  "mac-aes": kind("M6ACS", 16, "MAC key, AES-CMAC"),
  "mac-hmac": kind("M7HCS", 32, "MAC key, HMAC-SHA-256 and HMAC-SM3"),
  track: kind("D0TBS", 16, "track encryption key"),
  "dukpt-base": kind("B0TXN", 16, "base derivation key, triple DES DUKPT"),
  "dukpt-base-aes": kind("B0AXN", 16, "base derivation key, AES DUKPT"),
  "vault-data": kind("D0ABN", 32, "data key of the vault"),
  "vault-digest": kind("M7HCN", 32, "digest key of the vault"),
  "card-verification": kind("C0TCN", 16, "CVV key pair of the simulated issuer"),
  "pin-verification": kind("V2TCN", 16, "PVV key of the simulated issuer"),
  "pin-offset": kind("V1TCN", 16, "IBM 3624 key of the simulated issuer"),
  "chip-cryptogram": kind("E0TXN", 16, "EMV issuer master key for application cryptograms"),
  "chip-integrity": kind("E2TXN", 16, "EMV issuer master key for script MACs")
} as const

export type KeyKindName = keyof typeof keyKinds
