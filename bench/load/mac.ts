/**
 * The China UnionPay ECB MAC as a terminal makes it, for the bench alone (protocol-facts §1.9).
 * Must hold: it agrees with the published vectors A and C, which a test checks.
 */

import { createCipheriv } from "node:crypto"
import type { Cipheriv } from "node:crypto"
import { bodyStart } from "./wire.ts"

/** One live cipher per key: on this Node a third of the cost of making one per message. */
export class MacKey {
  readonly #cipher: Cipheriv
  readonly #block = Buffer.alloc(16)

  /**
   * `key`: 8 or 16 bytes; 8 bytes are single DES, which OpenSSL 3 gives as K‖K under two-key 3DES.
   */
  constructor(key: Buffer) {
    const double = key.length === 8 ? Buffer.concat([key, key]) : key
    this.#cipher = createCipheriv("des-ede", double, null)
    this.#cipher.setAutoPadding(false)
  }

  /** China UnionPay ECB MAC over `bytes[start, end)`: 8 ASCII hex characters. */
  make(bytes: Buffer, start: number, end: number): Buffer {
    const block = this.#block
    block.fill(0)
    for (let at = start; at < end; at++) block[(at - start) & 7]! ^= bytes[at]!
    const text = Buffer.from(block.toString("hex", 0, 8).toUpperCase(), "latin1")
    const first = this.#cipher.update(text.subarray(0, 8))
    for (let at = 0; at < 8; at++) first[at]! ^= text[8 + at]!
    const second = this.#cipher.update(first)
    return Buffer.from(second.toString("hex", 0, 4).toUpperCase(), "latin1")
  }
}

/** Writes the MAC into the last eight bytes. */
export function sign(frame: Buffer, key: MacKey): void {
  key.make(frame, bodyStart, frame.length - 8).copy(frame, frame.length - 8)
}

export function signedRight(frame: Buffer, key: MacKey): boolean {
  return key.make(frame, bodyStart, frame.length - 8).equals(frame.subarray(frame.length - 8))
}
