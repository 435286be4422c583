/**
 * One DUKPT key as the security module uses it: from a base key block of either scheme to a working
 * key with the header that binds its use. What holds: the base key's block must say that it is one
 * (usage `B0`, mode `X`), and what is derived may do nothing but what it was derived for.
 */

import type { DukptUse, KeyPurpose } from "../domain/ports/security-module.ts"
import { aesDukptKey, type AesDukptUse } from "./dukpt-aes.ts"
import { tdesDukptKey } from "./dukpt-tdes.ts"
import type { KeyAttributes } from "./key-block.ts"
import { modeAllows, workingAttributes } from "./key-usage.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

interface DerivedKey {
  readonly purpose: KeyPurpose
  readonly attributes: KeyAttributes
  readonly key: Buffer
}

/** The device makes what the request carries, and checks what the response carries. */
const aesUses: Readonly<Record<DukptUse, AesDukptUse>> = {
  pin: "pin",
  "mac-request": "mac-generate",
  "mac-response": "mac-verify",
  "data-request": "data-encrypt",
  "data-response": "data-decrypt"
}

const purposes: Readonly<Record<DukptUse, KeyPurpose>> = {
  pin: "pin",
  "mac-request": "mac",
  "mac-response": "mac",
  "data-request": "track",
  "data-response": "track"
}

/** Faults `key-usage`, `key-length`, `ksn-format`, `counter-range`. */
export function deriveDukpt(
  base: KeyAttributes,
  key: Uint8Array,
  serial: Uint8Array,
  use: DukptUse
): DerivedKey | SecurityFault {
  if (base.usage !== "B0" || !modeAllows(base, "derive")) return fault("key-usage")
  const aes = base.algorithm === "A"
  if (!aes && base.algorithm !== "T") return fault("key-usage")
  const derived = aes
    ? aesDukptKey(key, serial, aesUses[use], sizeOf(key))
    : tdesDukptKey(key, serial, use)
  if (isFault(derived)) return derived
  const purpose = purposes[use]
  const attributes = workingAttributes(purpose, aes ? "aes" : "tdes", derived.length)
  return { purpose, attributes, key: derived }
}

/** AES working keys as strong as their base key. */
function sizeOf(key: Uint8Array): "aes128" | "aes192" | "aes256" {
  return key.length === 32 ? "aes256" : key.length === 24 ? "aes192" : "aes128"
}
