/**
 * The key store: a JSON document of key blocks under one master key, which is never in it. Parsing
 * and writing are pure; files are for others. What holds: every block was authenticated under the
 * master key before the store opens; no clear key leaves except through `unwrap`.
 *
 *   { "format": 1,
 *     "masterKeyCheckValue": "…",               CMAC over zeros, 5 bytes, hex
 *     "keys": [ { "name": "mak-65465423", "version": 1, "checkValue": "…", "block": "D0144…" },
 *               { …, "usableUntil": "2026-12-01T00:00:00.000Z" } ] }      an older version
 *
 * Names say what the switch looks for:
 *
 *   vault-data, vault-digest          the vault's data key (AES) and digest key (HMAC)
 *   tmk-<name>                        terminal master keys; a terminal's profile names one
 *   mak- pik- tdk-<terminal>          a working key that a terminal has from the start: it is
 *                                     seeded once, and replaced by the first key download
 *   former-master                     the master keys before this one, by version: until the end
 *                                     of their grace they open what rests elsewhere under them;
 *                                     they protect nothing new
 */

import type { KeyPurpose } from "../domain/ports/security-module.ts"
import {
  type KeyAttributes,
  KeyProtection,
  unwrapKeyBlock,
  type UnwrappedKey,
  wrapKeyBlock
} from "./key-block.ts"
import { aesCheckValue, keyCheckValue } from "./key-check.ts"
import type { RandomBytes } from "./pin-block.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

export interface StoredKey {
  readonly name: string
  /** Grows with every rotation; the highest is the current one. */
  readonly version: number
  readonly block: string
  /** Upper-case hex; what `list` shows. */
  readonly checkValue: string
  /** Milliseconds since the epoch, for a version that was replaced: kept until then at least. */
  readonly usableUntilMs?: number
}

/** Keys of one store; `maxKeys` bounds what a file can make us hold. */
const maxKeys = 65_536

/** The master key is AES-256 for new stores; AES-128 and AES-192 are read. */
const masterKeyBytes: ReadonlySet<number> = new Set([16, 24, 32])

/** Only moving a store to another master key makes keys of this name. */
export const formerMasterName = "former-master"

/** A former master key opens key blocks, and does nothing else. */
const formerMaster: KeyAttributes = {
  usage: "K1",
  algorithm: "A",
  mode: "D",
  keyVersion: "00",
  exportability: "N"
}

/** An open key store. Immutable: changes make a new one. */
export class KeyStore {
  readonly #master: Uint8Array
  readonly #protection: KeyProtection
  readonly #formers: ReadonlyArray<{ readonly untilMs: number; readonly key: KeyProtection }>
  readonly #byName: ReadonlyMap<string, ReadonlyArray<StoredKey>>
  readonly keys: ReadonlyArray<StoredKey>

  constructor(master: Uint8Array, keys: ReadonlyArray<StoredKey>) {
    this.#master = master
    this.#protection = new KeyProtection(master)
    this.keys = keys.toSorted((a, b) =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : b.version - a.version
    )
    this.#byName = Map.groupBy(this.keys, (key) => key.name)
    this.#formers = this.versions(formerMasterName).flatMap((key) => {
      const former = this.unwrap(key)
      if (isFault(former)) return []
      return [{ untilMs: key.usableUntilMs ?? 0, key: new KeyProtection(former.key) }]
    })
  }

  /** The current version. */
  current(name: string): StoredKey | undefined {
    return this.#byName.get(name)?.[0]
  }

  /** All versions, the current one first. */
  versions(name: string): ReadonlyArray<StoredKey> {
    return this.#byName.get(name) ?? []
  }

  /** The clear key of an entry; the holder overwrites it after use. Fault `block-forged`. */
  unwrap(key: Pick<StoredKey, "block">): UnwrappedKey | SecurityFault {
    return unwrapKeyBlock(this.#protection, key.block)
  }

  /**
   * Opens a block that need not be in the store, as the journal's working keys are not, under this
   * master key or a former one whose grace is not over. Fault `block-expired` where it is over, for
   * as long as the store remembers that key, and those of `unwrapKeyBlock`.
   */
  unwrapBlock(block: string, wallMs: number): UnwrappedKey | SecurityFault {
    const opened = unwrapKeyBlock(this.#protection, block)
    if (opened !== fault("block-forged")) return opened
    for (const { key, untilMs } of this.#formers) {
      const again = unwrapKeyBlock(key, block)
      if (isFault(again)) continue
      if (untilMs > wallMs) return again
      again.key.fill(0)
      return fault("block-expired")
    }
    return opened
  }

  /** A block of version D under the master key; faults `key-length`, `block-format`. */
  wrap(
    attributes: KeyAttributes,
    key: Uint8Array,
    random: RandomBytes
  ): string | SecurityFault {
    return wrapKeyBlock(this.#protection, "D", attributes, key, random)
  }

  /** The store with other keys, under the same master key. */
  with(keys: ReadonlyArray<StoredKey>): KeyStore {
    return new KeyStore(this.#master, keys)
  }

  /**
   * The same keys under another master key, and this one among them as a former one. Faults
   * `key-length` and those of `unwrapKeyBlock`.
   */
  movedTo(
    master: Uint8Array,
    usableUntilMs: number,
    random: RandomBytes
  ): KeyStore | SecurityFault {
    const empty = emptyKeyStore(master)
    if (isFault(empty)) return empty
    const keys: Array<StoredKey> = []
    for (const key of this.keys) {
      const opened = this.unwrap(key)
      if (isFault(opened)) return opened
      const block = empty.wrap(opened.attributes, opened.key, random)
      opened.key.fill(0)
      if (isFault(block)) return block
      keys.push({ ...key, block })
    }
    const block = empty.wrap(formerMaster, this.#master, random)
    if (isFault(block)) return block
    const version = (this.current(formerMasterName)?.version ?? 0) + 1
    const checkValue = this.masterKeyCheckValue
    keys.push({ name: formerMasterName, version, block, checkValue, usableUntilMs })
    return empty.with(keys)
  }

  get masterKeyCheckValue(): string {
    return aesCheckValue(this.#master)
  }

  /** The document, as it rests on disk. */
  serialise(): string {
    const keys = this.keys.map((key) => ({
      name: key.name,
      version: key.version,
      checkValue: key.checkValue,
      ...(key.usableUntilMs === undefined
        ? {}
        : { usableUntil: isoTime(key.usableUntilMs) }),
      block: key.block
    }))
    const { masterKeyCheckValue } = this
    return `${JSON.stringify({ format: 1, masterKeyCheckValue, keys }, undefined, 2)}\n`
  }
}

/** 1 to 64 letters, digits, dots, dashes or underscores. */
export function isKeyName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(name)
}

/** The master key as its file or variable holds it: hex digits, white space around them. */
export function readMasterKey(text: string): Uint8Array | SecurityFault {
  const digits = text.trim()
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(digits)) return fault("key-length")
  const key = Buffer.from(digits, "hex")
  return masterKeyBytes.has(key.length) ? key : fault("key-length")
}

/** A store without keys; fault `key-length`. */
export function emptyKeyStore(master: Uint8Array): KeyStore | SecurityFault {
  return masterKeyBytes.has(master.length)
    ? new KeyStore(Uint8Array.from(master), [])
    : fault("key-length")
}

/**
 * Opens a document and authenticates every block. Faults: `store-format`, `store-master-key`,
 * `key-length`, `key-name`, `key-exists`, `check-value-wrong`, and those of `unwrapKeyBlock`.
 */
export function openKeyStore(bytes: Uint8Array, master: Uint8Array): KeyStore | SecurityFault {
  const document = parse(bytes)
  if (isFault(document)) return document
  const empty = emptyKeyStore(master)
  if (isFault(empty)) return empty
  if (document.masterKeyCheckValue !== aesCheckValue(master)) return fault("store-master-key")
  const seen = new Set<string>()
  for (const key of document.keys) {
    if (!isKeyName(key.name)) return fault("key-name")
    if (seen.has(`${key.name} ${key.version}`)) return fault("key-exists")
    seen.add(`${key.name} ${key.version}`)
    const opened = empty.unwrap(key)
    if (isFault(opened)) return opened
    const check = keyCheckValue(opened.attributes, opened.key)
    opened.key.fill(0)
    if (isFault(check)) return check
    if (check !== key.checkValue) return fault("check-value-wrong")
  }
  return empty.with(document.keys)
}

/**
 * The keys of a document as they stand, none of them authenticated: for a security module that
 * holds the master key itself and refuses a forged block on its own. Fault `store-format`.
 */
export function listedKeys(bytes: Uint8Array): ReadonlyArray<StoredKey> | SecurityFault {
  const document = parse(bytes)
  return isFault(document) ? document : document.keys
}

const seededPrefixes: ReadonlyArray<readonly [string, KeyPurpose]> = [
  ["mak-", "mac"],
  ["pik-", "pin"],
  ["tdk-", "track"]
]

/** Key blocks of the working keys that terminals have from the start, ready to be installed. */
export function seededWorkingKeys(
  store: KeyStore
): ReadonlyMap<string, Readonly<Partial<Record<KeyPurpose, Uint8Array>>>> {
  const seeded = new Map<string, Partial<Record<KeyPurpose, Uint8Array>>>()
  for (const key of store.keys) {
    if (store.current(key.name) !== key) continue
    const found = seededPrefixes.find(([prefix]) => key.name.startsWith(prefix))
    if (found === undefined) continue
    const [prefix, purpose] = found
    const terminal = key.name.slice(prefix.length)
    const blocks = seeded.get(terminal) ?? {}
    blocks[purpose] = Buffer.from(key.block, "latin1")
    seeded.set(terminal, blocks)
  }
  return seeded
}

// ---------------------------------------------------------------------------------------------
// internals

interface Document {
  readonly masterKeyCheckValue: string
  readonly keys: ReadonlyArray<StoredKey>
}

function parse(bytes: Uint8Array): Document | SecurityFault {
  const document = record(parseJson(Buffer.from(bytes).toString("utf8")))
  if (document === undefined || document["format"] !== 1) return fault("store-format")
  const { masterKeyCheckValue, keys } = document
  if (typeof masterKeyCheckValue !== "string" || !Array.isArray(keys)) return fault("store-format")
  if (keys.length > maxKeys) return fault("store-format")
  const stored: Array<StoredKey> = []
  for (const entry of keys) {
    const key = storedKey(record(entry) ?? {})
    if (isFault(key)) return key
    stored.push(key)
  }
  return { masterKeyCheckValue, keys: stored }
}

function storedKey(entry: Readonly<Record<string, unknown>>): StoredKey | SecurityFault {
  const { name, version, block, checkValue, usableUntil } = entry
  if (typeof name !== "string" || typeof block !== "string" || typeof checkValue !== "string") {
    return fault("store-format")
  }
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1) {
    return fault("store-format")
  }
  if (usableUntil === undefined) return { name, version, block, checkValue }
  const usableUntilMs = typeof usableUntil === "string" ? Date.parse(usableUntil) : Number.NaN
  if (Number.isNaN(usableUntilMs)) return fault("store-format")
  return { name, version, block, checkValue, usableUntilMs }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? { ...value }
    : undefined
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
