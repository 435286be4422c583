/**
 * What is computed about a message, the same in every thread: where its fields stand, whether its
 * MAC is right, which MAC it must carry. What must hold: no result depends on where or in which
 * batch it was computed.
 *
 *   | MTI | bitmap | fields … | MAC |
 *   └────── the MAC covers ──┘ └ its field is the last one
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { MacVerdict } from "../domain/ports/codec.ts"
import type { MacRule } from "../iso8583/message.ts"
import type { CipherCache } from "../security/cipher-cache.ts"
import { constantTimeEqual, macField, makeMac } from "../security/mac.ts"
import { isFault } from "../security/security-fault.ts"

/** Verdicts by the number that stands for them between threads. */
export const verdicts: ReadonlyArray<MacVerdict> = ["unchecked", "absent", "right", "wrong"]

/** The shortest MAC that is believed (ISO 8583:2003 sends four bytes). */
const leastMacBytes = 4

/** The MAC as the field carries it; undefined when the key is unknown or does not fit. */
export function macOver(
  cache: CipherCache,
  rule: MacRule,
  key: KeyHandle,
  covered: Uint8Array
): Uint8Array | undefined {
  const mac = makeMac(cache, key, rule.algorithm, covered)
  return isFault(mac) ? undefined : macField(mac, rule.algorithm, rule.form)
}

/** Number of the verdict over a MAC that stands in a message; 0 when it cannot be checked. */
export function checkMac(
  cache: CipherCache,
  rule: MacRule,
  key: KeyHandle,
  covered: Uint8Array,
  mac: Uint8Array
): number {
  const expected = macOver(cache, rule, key, covered)
  return expected === undefined ? 0 : compareMac(expected, mac)
}

/** Number of the verdict when `expected`, as the field carries it, was made elsewhere. */
export function compareMac(expected: Uint8Array, mac: Uint8Array): number {
  if (mac.length < leastMacBytes || mac.length > expected.length) return 3
  return constantTimeEqual(expected.subarray(0, mac.length), mac) ? 2 : 3
}

/** What a MAC covers of a body that ends with its field; undefined when there is no such field. */
export function coveredBy(rule: MacRule | undefined, body: Uint8Array): Uint8Array | undefined {
  if (rule === undefined || body.length < rule.bytes) return undefined
  return body.subarray(0, body.length - rule.bytes)
}

/** The body with its MAC in its place at the end, as much of it as the field takes. */
export function sealed(rule: MacRule, body: Uint8Array, mac: Uint8Array): Uint8Array {
  body.set(mac.subarray(0, rule.bytes), body.length - rule.bytes)
  return body
}
