/**
 * The keys of one simulated terminal: its master key, and the working keys that a sign-on brings.
 * What must hold: an answer is believed, and a PIN enciphered, only under keys that are current.
 */

import type { KeyHandle } from "../domain/brand.ts"
import type { Dialect, Message, Values } from "../iso8583/message.ts"
import type { CipherCache } from "../security/cipher-cache.ts"
import { sealPinBlock } from "../security/pin-block.ts"
import { isFault } from "../security/security-fault.ts"
import { MacKey } from "./mac-key.ts"

/** What a terminal does with its keys, whatever kind they are. */
export interface TerminalSecurity {
  /** Its keys come with a sign-on. */
  readonly downloads: boolean
  readonly hasMacKey: boolean
  /** Called before a question is built: what of it names the keys that it will stand under. */
  readonly next: () => Values
  /** The same for a question that is said again; undefined: it is said as it was. */
  readonly again: () => Values | undefined
  readonly forgetMacKey: () => void
  readonly takeDownload: (download: Uint8Array) => boolean
  readonly seal: (body: Buffer) => Buffer
  readonly isRight: (message: Message) => boolean
  readonly pinBlock: (pan: string, pin: string) => Buffer | undefined
}

/** Opens a download (field 62) under the master key; undefined when a KCV is wrong. */
export type OpenDownload = (
  download: Uint8Array
) => { readonly mac: Uint8Array; readonly pin: Uint8Array } | undefined

/** What a fleet has seen of its keys, summed up. */
export interface KeyCounts {
  downloads: number
  rightMacs: number
  wrongMacs: number
  pins: number
}

export function noKeyCounts(): KeyCounts {
  return { downloads: 0, rightMacs: 0, wrongMacs: 0, pins: 0 }
}

/** Format 0 takes no chance. */
const noChance = () => new Uint8Array(0)

export class TerminalKeys implements TerminalSecurity {
  readonly downloads = true
  readonly #cache: CipherCache
  readonly #pinHandle: KeyHandle
  readonly #mac: MacKey
  readonly #openDownload: OpenDownload
  readonly #counts: KeyCounts

  /** `number` counts the terminals that share the cache; two keys of it are this one's. */
  constructor(
    cache: CipherCache,
    number: number,
    dialect: Dialect,
    openDownload: OpenDownload,
    counts: KeyCounts = noKeyCounts()
  ) {
    this.#cache = cache
    this.#mac = new MacKey(cache, 2 * number as KeyHandle, dialect)
    this.#pinHandle = 2 * number + 1 as KeyHandle
    this.#openDownload = openDownload
    this.#counts = counts
  }

  get hasMacKey(): boolean {
    return this.#mac.isThere
  }

  /** Working keys stand for all messages until the next download. */
  next(): Values {
    return {}
  }

  again(): Values {
    return {}
  }

  forgetMacKey(): void {
    this.#mac.forget()
  }

  /** Takes the keys out of a download; false when it cannot be opened. */
  takeDownload(download: Uint8Array): boolean {
    const keys = this.#openDownload(download)
    if (keys === undefined) return false
    this.#mac.put(keys.mac)
    this.#cache.put(this.#pinHandle, keys.pin)
    keys.mac.fill(0)
    keys.pin.fill(0)
    this.#counts.downloads++
    return true
  }

  /** Fills the MAC field at the end of a body that was built with room for it. */
  seal(body: Buffer): Buffer {
    return this.#mac.seal(body)
  }

  isRight(message: Message): boolean {
    const right = this.#mac.isRight(message)
    if (right) this.#counts.rightMacs++
    else this.#counts.wrongMacs++
    return right
  }

  /** ISO format 0, which is X9.8 with the card number; undefined before the first download. */
  pinBlock(pan: string, pin: string): Buffer | undefined {
    const key = { source: this.#pinHandle, algorithm: "tdes" } as const
    const block = sealPinBlock(this.#cache, key, 0, pan, pin, noChance)
    if (isFault(block)) return undefined
    this.#counts.pins++
    return block
  }
}
