/**
 * The keys of one simulated terminal: its master key, and the MAC key that a sign-on brings. What
 * must hold: an answer is believed only under the key that is current.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { Dialect, Message } from "../iso8583/message.ts"
import type { CipherCache } from "../security/cipher-cache.ts"
import { constantTimeEqual, macField, makeMac } from "../security/mac.ts"
import { isFault } from "../security/security-fault.ts"

/** Opens a download (field 62) under the master key; undefined when a KCV is wrong. */
export type OpenDownload = (download: Uint8Array) => Uint8Array | undefined

export class TerminalKeys {
  readonly #cache: CipherCache
  readonly #handle: KeyHandle
  readonly #dialect: Dialect
  readonly #openDownload: OpenDownload
  #hasMacKey = false

  /** `handle` is this terminal's own place in the shared cache. */
  constructor(
    cache: CipherCache,
    handle: KeyHandle,
    dialect: Dialect,
    openDownload: OpenDownload,
    macKey?: Uint8Array
  ) {
    this.#cache = cache
    this.#handle = handle
    this.#dialect = dialect
    this.#openDownload = openDownload
    if (macKey !== undefined) this.#put(macKey)
  }

  get hasMacKey(): boolean {
    return this.#hasMacKey
  }

  forgetMacKey(): void {
    this.#hasMacKey = false
  }

  /** Takes the MAC key out of a download; false when it cannot be opened. */
  takeDownload(download: Uint8Array): boolean {
    const key = this.#openDownload(download)
    if (key === undefined) return false
    this.#put(key)
    return true
  }

  #put(key: Uint8Array): void {
    this.#cache.put(this.#handle, key)
    this.#hasMacKey = true
  }

  /** Fills the MAC field at the end of a body that was built with room for it. */
  seal(body: Buffer): Buffer {
    const rule = this.#dialect.mac
    if (rule === undefined || !this.#hasMacKey) return body
    const covered = body.subarray(0, body.length - 8)
    const mac = makeMac(this.#cache, this.#handle, rule.algorithm, covered)
    if (!isFault(mac)) body.set(macField(mac, rule.algorithm, rule.form), body.length - 8)
    return body
  }

  isRight(message: Message): boolean {
    const rule = this.#dialect.mac
    if (rule === undefined || !message.has(rule.field)) return false
    const { bytes } = message
    const covered = bytes.subarray(0, bytes.length - 8)
    const given = bytes.subarray(bytes.length - 8)
    const mac = makeMac(this.#cache, this.#handle, rule.algorithm, covered)
    return !isFault(mac) && constantTimeEqual(macField(mac, rule.algorithm, rule.form), given)
  }
}
