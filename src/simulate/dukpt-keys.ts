/**
 * The keys of one simulated terminal with DUKPT: each message under keys of its own, derived from a
 * base key and a serial number that counts. What must hold: no serial number is used for two
 * messages that differ; an answer is believed only under the serial number that it names, and that
 * only if something was asked under it just now.
 *
 *   triple DES, 10 bytes   | key set 40 bits | device 19 bits | counter 21 bits |
 *   AES, 12 bytes          | base key 32 bits | device 32 bits | counter 32 bits |
 */

import type { DukptUse, PinFormat } from "../domain/ports/security-module.ts"
import type { RandomShape } from "../domain/ports/time.ts"
import { hasMac } from "../iso8583/mac-place.ts"
import type { Dialect, Message, Values } from "../iso8583/message.ts"
import { CipherCache } from "../security/cipher-cache.ts"
import { deriveDukpt } from "../security/dukpt-key.ts"
import type { UnwrappedKey } from "../security/key-block.ts"
import { constantTimeEqual, macField, makeMac } from "../security/mac.ts"
import { sealPinBlock } from "../security/pin-block.ts"
import { isFault } from "../security/security-fault.ts"
import { type KeyCounts, noKeyCounts, type TerminalSecurity } from "./terminal-keys.ts"

/** The key set of the vectors in X9.24-1, and a base key's name for AES. */
const keySet = 0xffff987654n
const baseName = 0x12345678n

/** Set bits that a counter may have: beyond, numbers are skipped (X9.24-1 A.2, X9.24-3 6.2). */
const mostBits = { tdes: 10, aes: 16 } as const

/** A little below 2^21: a terminal that begins here has counters left. */
const tdesCounts = 2_000_000

/** Serial numbers under which something may still be answered. */
const answerable = 8

const noKeys = new CipherCache({ maxKeys: 0, maxCiphers: 0 })

interface DukptOptions {
  readonly dialect: Dialect
  readonly base: UnwrappedKey
  /** Tells devices apart that share the base key; below 2^19. */
  readonly device: number
  readonly format: PinFormat
  readonly random: RandomShape
  readonly counts?: KeyCounts
  /** The count before the first; 0 when absent. */
  readonly lastCount?: number
  /** What is said again is said under a serial number of its own. */
  readonly renews?: boolean
}

export class DukptKeys implements TerminalSecurity {
  readonly downloads = false
  readonly hasMacKey = true
  readonly #options: DukptOptions
  readonly #isAes: boolean
  readonly #counts: KeyCounts
  #count: number
  /** Of what is said now. */
  #serial: Buffer = Buffer.alloc(0)
  readonly #open: Array<Buffer> = []

  constructor(options: DukptOptions) {
    this.#options = options
    this.#isAes = options.base.attributes.algorithm === "A"
    this.#counts = options.counts ?? noKeyCounts()
    this.#count = (options.lastCount ?? 0) % (this.#isAes ? 2 ** 32 : tdesCounts)
  }

  next(): Values {
    const most = mostBits[this.#isAes ? "aes" : "tdes"]
    do this.#count++
    while (bitsOf(this.#count) > most)
    this.#serial = this.#serialOf(this.#count)
    if (this.#open.push(this.#serial) > answerable) this.#open.shift()
    const path = this.#options.dialect.pathOf("ksn")
    return path === undefined ? {} : { [path]: this.#serial }
  }

  again(): Values | undefined {
    return this.#options.renews === true ? this.next() : undefined
  }

  /** There is nothing to forget: the next message has other keys anyway. */
  forgetMacKey(): void {}

  takeDownload(): boolean {
    return true
  }

  seal(body: Buffer): Buffer {
    const rule = this.#options.dialect.mac
    if (rule === undefined) return body
    const covered = body.subarray(0, body.length - rule.bytes)
    const mac = this.#mac("mac-request", this.#serial, covered)
    if (mac !== undefined) body.set(mac, covered.length)
    return body
  }

  isRight(message: Message): boolean {
    const { dialect } = this.#options
    const { bytes } = message
    const split = bytes.length - (dialect.mac?.bytes ?? 0)
    const path = dialect.pathOf("ksn")
    const named = path === undefined ? undefined : message.raw(path)
    const serial = this.#open.find((each) => named !== undefined && each.equals(named))
    const mac = serial !== undefined && hasMac(message)
      ? this.#mac("mac-response", serial, bytes.subarray(0, split))
      : undefined
    const right = mac !== undefined && constantTimeEqual(mac, bytes.subarray(split))
    if (right) this.#counts.rightMacs++
    else this.#counts.wrongMacs++
    return right
  }

  pinBlock(pan: string, pin: string): Buffer | undefined {
    const source = this.#derived("pin", this.#serial)
    if (source === undefined) return undefined
    const { format, random } = this.#options
    const key = { source, algorithm: this.#isAes ? "aes" : "tdes" } as const
    const block = sealPinBlock(noKeys, key, format, pan, pin, (length) => random.bytes(length))
    source.fill(0)
    if (isFault(block)) return undefined
    this.#counts.pins++
    return block
  }

  #mac(use: DukptUse, serial: Buffer, covered: Uint8Array): Uint8Array | undefined {
    const rule = this.#options.dialect.mac
    const key = this.#derived(use, serial)
    if (rule === undefined || key === undefined) return undefined
    const mac = makeMac(noKeys, key, rule.algorithm, covered)
    key.fill(0)
    return isFault(mac)
      ? undefined
      : macField(mac, rule.algorithm, rule.form).subarray(0, rule.bytes)
  }

  #derived(use: DukptUse, serial: Buffer): Buffer | undefined {
    const { attributes, key } = this.#options.base
    const derived = deriveDukpt(attributes, key, serial, use)
    return isFault(derived) ? undefined : derived.key
  }

  #serialOf(count: number): Buffer {
    const device = BigInt(this.#options.device)
    const number = this.#isAes
      ? (baseName << 64n) + (device << 32n) + BigInt(count)
      : (keySet << 40n) + (device << 21n) + BigInt(count)
    return Buffer.from(number.toString(16).padStart(this.#isAes ? 24 : 20, "0"), "hex")
  }
}

function bitsOf(count: number): number {
  let bits = 0
  for (let left = count; left > 0; left >>>= 1) bits += left & 1
  return bits
}
