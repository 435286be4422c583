/**
 * The MAC key of one side of a line, as terminals and acquirers use it. What must hold: a MAC is
 * believed only under the key that is current.
 */

import type { KeyHandle } from "../domain/brand.ts"
import { hasMac } from "../iso8583/mac-place.ts"
import type { Dialect, Message } from "../iso8583/message.ts"
import type { CipherCache } from "../security/cipher-cache.ts"
import { constantTimeEqual, macField, makeMac } from "../security/mac.ts"
import { isFault } from "../security/security-fault.ts"

export class MacKey {
  readonly #cache: CipherCache
  readonly #handle: KeyHandle
  readonly #dialect: Dialect
  #isThere = false

  /** `handle` is this key's own place in the cache. */
  constructor(cache: CipherCache, handle: KeyHandle, dialect: Dialect) {
    this.#cache = cache
    this.#handle = handle
    this.#dialect = dialect
  }

  get isThere(): boolean {
    return this.#isThere
  }

  put(key: Uint8Array): void {
    this.#isThere = this.#cache.put(this.#handle, key)
  }

  forget(): void {
    this.#isThere = false
  }

  /** Fills the MAC field at the end of a body that was built with room for it. */
  seal(body: Buffer): Buffer {
    const rule = this.#dialect.mac
    if (rule === undefined || !this.#isThere) return body
    const covered = body.subarray(0, body.length - rule.bytes)
    const mac = makeMac(this.#cache, this.#handle, rule.algorithm, covered)
    if (isFault(mac)) return body
    const field = macField(mac, rule.algorithm, rule.form)
    body.set(field.subarray(0, rule.bytes), covered.length)
    return body
  }

  isRight(message: Message): boolean {
    const rule = this.#dialect.mac
    if (rule === undefined || !hasMac(message)) return false
    const { bytes } = message
    const covered = bytes.subarray(0, bytes.length - rule.bytes)
    const given = bytes.subarray(covered.length)
    const mac = makeMac(this.#cache, this.#handle, rule.algorithm, covered)
    if (isFault(mac)) return false
    const field = macField(mac, rule.algorithm, rule.form)
    return constantTimeEqual(field.subarray(0, rule.bytes), given)
  }
}

/** With one wrong bit in the MAC at its end. */
export function spoilt(body: Buffer): Buffer {
  const bytes = Buffer.from(body)
  bytes[bytes.length - 1]! ^= 1
  return bytes
}
