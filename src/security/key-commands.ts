/**
 * What `keys generate | import | export | rotate | move | check | list` do to a store: pure
 * functions from a store to another, each with its entry for the audit log. What holds: no clear
 * key is in any result; whatever makes, changes or gives away a key needs two officers; a refused
 * attempt has its audit entry too.
 */

import { type KeyAttributes, unwrapKeyBlock, type UnwrappedKey, wrapKeyBlock } from "./key-block.ts"
import { type AesCheckForm, aesCheckValue, isCheckValueOf, keyCheckValue } from "./key-check.ts"
import { type KeyKind, type KeyKindName, keyKinds } from "./key-kind.ts"
import { joinComponents, newKey, type ParityPolicy, withParity } from "./key-material.ts"
import {
  formerMasterName,
  isKeyName,
  type KeyStore,
  openKeyStore,
  type StoredKey
} from "./key-store.ts"
import { cipherOf, isWithin, modeAllows } from "./key-usage.ts"
import type { RandomBytes } from "./pin-block.ts"
import { fault, isFault, type SecurityFault, type SecurityFaultCode } from "./security-fault.ts"

/** Who asks, when, and with whose randomness. */
export interface KeyCommandContext {
  /** Names of those who are there; two different ones for everything but `check` and `list`. */
  readonly officers: ReadonlyArray<string>
  readonly wallMs: number
  readonly random: RandomBytes
  /** Of the check values that people compare; `cmac` when absent. */
  readonly aesForm?: AesCheckForm
}

export interface KeyAudit {
  readonly action: "generate" | "import" | "export" | "rotate" | "move" | "check" | "list"
  readonly atMs: number
  readonly officers: ReadonlyArray<string>
  /** Empty for `list`. */
  readonly key: string
  readonly version?: number
  readonly checkValue?: string
  /**
   * Name of the protection key of a block that came or went; check value of the master key that the
   * store moved to.
   */
  readonly under?: string
  /** `done`, or the code of the refusal. */
  readonly outcome: "done" | SecurityFaultCode
}

export interface KeyCommandResult<A> {
  readonly audit: KeyAudit
  readonly result: A | SecurityFault
}

/** A store with a key that was made or changed. */
export interface KeyChange {
  readonly store: KeyStore
  readonly key: StoredKey
}

interface KeyListing {
  readonly name: string
  readonly version: number
  readonly usage: string
  readonly algorithm: string
  readonly mode: string
  readonly exportability: string
  readonly checkValue: string
  readonly state: "current" | "grace" | "expired"
  readonly usableUntilMs?: number
}

/** A new key. Faults `dual-control`, `key-name`, `key-exists`. */
export function generateKey(
  store: KeyStore,
  name: string,
  kind: KeyKindName,
  context: KeyCommandContext
): KeyCommandResult<KeyChange> {
  return changed("generate", name, context, () => {
    if (!dual(context)) return fault("dual-control")
    const { attributes, length } = keyKinds[kind]
    const key = fresh(attributes, length, context.random)
    return isFault(key) ? key : added(store, name, attributes, key, context.random)
  })
}

interface KeyComponents {
  /** One for each officer, in the officers' order. */
  readonly components: ReadonlyArray<Uint8Array>
  /** Of the joined key, upper-case hex, when the paper has one. */
  readonly checkValue?: string
  readonly parity: ParityPolicy
}

/**
 * A key from the components of its officers. Faults `dual-control`, `components-wrong`,
 * `key-length`, `key-parity`, `check-value-wrong`, `key-name`, `key-exists`.
 */
export function importComponents(
  store: KeyStore,
  name: string,
  kind: KeyKindName,
  given: KeyComponents,
  context: KeyCommandContext
): KeyCommandResult<KeyChange> {
  return changed("import", name, context, () => {
    if (!dual(context)) return fault("dual-control")
    if (given.components.length !== context.officers.length) return fault("components-wrong")
    const { attributes } = keyKinds[kind]
    const joined = joinComponents(given.components)
    if (isFault(joined)) return joined
    const key = checkedKey(joined, keyKinds[kind], given, context.aesForm)
    const result = isFault(key) ? key : added(store, name, attributes, key, context.random)
    joined.fill(0)
    return result
  })
}

interface PeerKeyBlock {
  /** Versions A to D. */
  readonly block: string
  /** Name of the protection key that the peer shares with us. */
  readonly under: string
  readonly checkValue?: string
  readonly parity: ParityPolicy
}

/**
 * A peer's key out of a block under a protection key of the store. The block must be of the kind's
 * usage and algorithm, its mode the kind's or narrower: what it forbids stays forbidden, and what
 * it leaves open (mode `N`) the kind narrows. Optional blocks are left behind. Faults
 * `dual-control`, `key-unknown` and `key-usage` (the protection key), `block-protection-key` (it is
 * weaker than the key, or does not fit the version), `block-usage`, `key-length`, `key-parity`,
 * `check-value-wrong`, `key-name`, `key-exists`, and those of `unwrapKeyBlock`.
 */
export function importBlock(
  store: KeyStore,
  name: string,
  kind: KeyKindName,
  given: PeerKeyBlock,
  context: KeyCommandContext
): KeyCommandResult<KeyChange> {
  const { audit, result } = changed("import", name, context, () => {
    if (!dual(context)) return fault("dual-control")
    const opened = openedUnder(store, given)
    if (isFault(opened)) return opened
    const change = taken(store, name, keyKinds[kind], opened, given, context)
    opened.key.fill(0)
    return change
  })
  return { audit: { ...audit, under: given.under }, result }
}

/** The joined key, its parity as the policy says; nothing of a refused one stays in a copy. */
function checkedKey(
  joined: Uint8Array,
  { attributes, lengths }: KeyKind,
  { checkValue, parity }: Pick<KeyComponents, "checkValue" | "parity">,
  aesForm: AesCheckForm | undefined
): Uint8Array | SecurityFault {
  if (!lengths.includes(joined.length)) return fault("key-length")
  const key = cipherOf(attributes) === "tdes" ? withParity(joined, parity) : joined
  if (isFault(key) || checkValue === undefined) return key
  if (isCheckValueOf(attributes, key, checkValue, aesForm)) return key
  key.fill(0)
  return fault("check-value-wrong")
}

/** The check value of one component, which its officer compares with the paper. */
export function componentCheckValue(
  kind: KeyKindName,
  component: Uint8Array,
  aesForm?: AesCheckForm
): string | SecurityFault {
  const { attributes, lengths } = keyKinds[kind]
  return lengths.includes(component.length)
    ? keyCheckValue(attributes, component, aesForm)
    : fault("key-length")
}

/**
 * The current key in a block of version D or B under a protection key of the store (usage `K0` or
 * `K1`, AES or triple DES). Faults `dual-control`, `key-unknown`, `key-usage` (it may not leave, or
 * the other protects none), `block-protection-key` (the other is weaker, PCI PIN annex C).
 */
export function exportBlock(
  store: KeyStore,
  name: string,
  protectionKey: string,
  context: KeyCommandContext
): KeyCommandResult<string> {
  const entry = store.current(name)
  const result = !dual(context)
    ? fault("dual-control")
    : entry === undefined
    ? fault("key-unknown")
    : rewrapped(store, entry, protectionKey, context.random)
  const audit = auditOf("export", name, context, result, entry)
  return { audit: { ...audit, under: protectionKey }, result }
}

/**
 * A new version of a key; the old one is kept for `graceMs`. Versions whose grace is over go,
 * except of data keys, which must go on opening what they sealed. Faults `dual-control`,
 * `key-unknown`, `key-usage` (a former master key).
 */
export function rotateKey(
  store: KeyStore,
  name: string,
  graceMs: number,
  context: KeyCommandContext
): KeyCommandResult<KeyChange> {
  return changed("rotate", name, context, () => {
    if (!dual(context)) return fault("dual-control")
    const current = store.current(name)
    if (current === undefined) return fault("key-unknown")
    if (name === formerMasterName) return fault("key-usage")
    const opened = store.unwrap(current)
    if (isFault(opened)) return opened
    const { attributes, key: old } = opened
    const key = fresh(attributes, old.length, context.random)
    old.fill(0)
    if (isFault(key)) return key
    const stored = wrapped(store, name, current.version + 1, attributes, key, context.random)
    if (isFault(stored)) return stored
    const kept = store.keys.filter((each) =>
      each !== current && (each.name !== name || attributes.usage === "D0" ||
        (each.usableUntilMs ?? Infinity) > context.wallMs)
    )
    const replaced = { ...current, usableUntilMs: context.wallMs + graceMs }
    return { store: store.with([...kept, replaced, stored]), key: stored }
  })
}

/** The master key of a store that is moved to another. */
const nextMasterBytes = 32

/**
 * The whole store under another master key of 32 bytes, which stays the caller's; the former one
 * goes on opening, for `graceMs`, the working keys that the journal has under it. What
 * comes out was opened under the new key again. Faults `dual-control`, `key-length`,
 * `store-master-same`, and those of `openKeyStore`.
 */
export function moveStore(
  store: KeyStore,
  master: Uint8Array,
  graceMs: number,
  context: KeyCommandContext
): KeyCommandResult<KeyChange> {
  const { audit, result } = changed("move", formerMasterName, context, () => {
    if (!dual(context)) return fault("dual-control")
    if (master.length !== nextMasterBytes) return fault("key-length")
    if (aesCheckValue(master) === store.masterKeyCheckValue) return fault("store-master-same")
    const moved = store.movedTo(master, context.wallMs + graceMs, context.random)
    if (isFault(moved)) return moved
    const opened = openKeyStore(Buffer.from(moved.serialise()), master)
    return isFault(opened) ? opened : { store: moved, key: moved.current(formerMasterName)! }
  })
  return { audit: { ...audit, under: aesCheckValue(master) }, result }
}

/**
 * Opens the key's block and makes its check value anew. With `expected` the two must agree. Faults
 * `key-unknown`, `check-value-wrong`, and those of `unwrapKeyBlock`.
 */
export function checkKey(
  store: KeyStore,
  name: string,
  expected: string | undefined,
  context: KeyCommandContext
): KeyCommandResult<StoredKey> {
  const entry = store.current(name)
  const result = entry === undefined
    ? fault("key-unknown")
    : verified(store, entry, expected, context.aesForm)
  return { audit: auditOf("check", name, context, result, entry), result }
}

/** Names, uses and check values of all versions. */
export function listKeys(
  store: KeyStore,
  context: KeyCommandContext
): KeyCommandResult<ReadonlyArray<KeyListing>> {
  const result = store.keys.map((key): KeyListing => {
    const opened = store.unwrap(key)
    const attributes = isFault(opened) ? undefined : opened.attributes
    if (!isFault(opened)) opened.key.fill(0)
    const current = store.current(key.name) === key && key.name !== formerMasterName
    const grace = (key.usableUntilMs ?? 0) > context.wallMs
    return {
      name: key.name,
      version: key.version,
      usage: attributes?.usage ?? "?",
      algorithm: attributes?.algorithm ?? "?",
      mode: attributes?.mode ?? "?",
      exportability: attributes?.exportability ?? "?",
      checkValue: key.checkValue,
      state: current ? "current" : grace ? "grace" : "expired",
      ...(key.usableUntilMs === undefined ? {} : { usableUntilMs: key.usableUntilMs })
    }
  })
  return { audit: auditOf("list", "", context, result, undefined), result }
}

// ---------------------------------------------------------------------------------------------
// internals

function changed(
  action: KeyAudit["action"],
  name: string,
  context: KeyCommandContext,
  change: () => KeyChange | SecurityFault
): KeyCommandResult<KeyChange> {
  const made = change()
  const result = isFault(made)
    ? made
    : { ...made, store: withoutExpiredMasters(made.store, context.wallMs) }
  const key = isFault(result) ? undefined : result.key
  return { audit: auditOf(action, name, context, result, key), result }
}

function withoutExpiredMasters(store: KeyStore, wallMs: number): KeyStore {
  const kept = store.keys.filter((key) =>
    key.name !== formerMasterName || (key.usableUntilMs ?? 0) > wallMs
  )
  return kept.length === store.keys.length ? store : store.with(kept)
}

function auditOf(
  action: KeyAudit["action"],
  key: string,
  context: KeyCommandContext,
  result: unknown,
  stored: StoredKey | undefined
): KeyAudit {
  return {
    action,
    atMs: context.wallMs,
    officers: context.officers,
    key,
    ...(stored === undefined ? {} : { version: stored.version, checkValue: stored.checkValue }),
    outcome: isFault(result) ? result.code : "done"
  }
}

/** Two officers at least, all different, all named. */
function dual(context: KeyCommandContext): boolean {
  const names = context.officers.map((name) => name.trim().toLowerCase())
  return names.length >= 2 && new Set(names).size === names.length && !names.includes("")
}

function fresh(
  attributes: KeyAttributes,
  length: number,
  random: RandomBytes
): Uint8Array | SecurityFault {
  const algorithm = cipherOf(attributes)
  return algorithm === undefined ? random(length) : newKey(algorithm, length, random)
}

/** The first version of a new name; overwrites the clear key. */
function added(
  store: KeyStore,
  name: string,
  attributes: KeyAttributes,
  key: Uint8Array,
  random: RandomBytes
): KeyChange | SecurityFault {
  const refusal = !isKeyName(name) || name === formerMasterName
    ? fault("key-name")
    : store.current(name) === undefined
    ? undefined
    : fault("key-exists")
  if (refusal !== undefined) {
    key.fill(0)
    return refusal
  }
  const stored = wrapped(store, name, 1, attributes, key, random)
  return isFault(stored) ? stored : { store: store.with([...store.keys, stored]), key: stored }
}

/** Wraps a clear key and overwrites it. */
function wrapped(
  store: KeyStore,
  name: string,
  version: number,
  attributes: KeyAttributes,
  key: Uint8Array,
  random: RandomBytes
): StoredKey | SecurityFault {
  const checkValue = keyCheckValue(attributes, key)
  const block = store.wrap(attributes, key, random)
  key.fill(0)
  if (isFault(checkValue)) return checkValue
  return isFault(block) ? block : { name, version, block, checkValue }
}

function rewrapped(
  store: KeyStore,
  entry: StoredKey,
  protectionKey: string,
  random: RandomBytes
): string | SecurityFault {
  const other = store.current(protectionKey)
  if (other === undefined) return fault("key-unknown")
  const protection = store.unwrap(other)
  if (isFault(protection)) return protection
  const opened = store.unwrap(entry)
  const block = isFault(opened) ? opened : wrappedUnder(protection, opened, random)
  if (!isFault(opened)) opened.key.fill(0)
  protection.key.fill(0)
  return block
}

function wrappedUnder(
  protection: UnwrappedKey,
  { attributes, key }: UnwrappedKey,
  random: RandomBytes
): string | SecurityFault {
  const cipher = protects(protection, "encrypt")
  if (cipher === undefined || attributes.exportability === "N") return fault("key-usage")
  if (isWeaker(protection, { attributes, key })) return fault("block-protection-key")
  return wrapKeyBlock(protection.key, cipher === "aes" ? "D" : "B", attributes, key, random)
}

/** The key of a peer's block, which the caller overwrites. */
function openedUnder(
  store: KeyStore,
  { block, under }: PeerKeyBlock
): UnwrappedKey | SecurityFault {
  const entry = store.current(under)
  const protection = entry === undefined ? fault("key-unknown") : store.unwrap(entry)
  if (isFault(protection)) return protection
  const opened = protects(protection, "decrypt") === undefined
    ? fault("key-usage")
    : unwrapKeyBlock(protection.key, block)
  const weaker = !isFault(opened) && isWeaker(protection, opened)
  protection.key.fill(0)
  if (!weaker) return opened
  opened.key.fill(0)
  return fault("block-protection-key")
}

function taken(
  store: KeyStore,
  name: string,
  kind: KeyKind,
  { attributes, key }: UnwrappedKey,
  given: PeerKeyBlock,
  { aesForm, random }: KeyCommandContext
): KeyChange | SecurityFault {
  const { algorithm, mode: kept, usage } = kind.attributes
  const mode = attributes.mode === "N" ? kept : attributes.mode
  const fits = attributes.usage === usage && attributes.algorithm === algorithm &&
    isWithin(mode, kept)
  if (!fits) return fault("block-usage")
  const checked = checkedKey(key, kind, given, aesForm)
  return isFault(checked) ? checked : added(store, name, { ...attributes, mode }, checked, random)
}

/** The cipher of a key that protects others; undefined: it is for something else. */
function protects(
  { attributes }: UnwrappedKey,
  operation: "encrypt" | "decrypt"
): "aes" | "tdes" | undefined {
  const { usage } = attributes
  const cipher = cipherOf(attributes)
  const allowed = (usage === "K0" || usage === "K1") && modeAllows(attributes, operation)
  return allowed && cipher !== "sm4" ? cipher : undefined
}

/** PCI PIN, annex C: nothing but DES under triple DES, and no key under a shorter one. */
function isWeaker(
  protection: UnwrappedKey,
  { attributes, key }: Pick<UnwrappedKey, "attributes" | "key">
): boolean {
  const isDes = cipherOf(attributes) === "tdes"
  const isLonger = key.length > protection.key.length
  return cipherOf(protection.attributes) === "aes" ? !isDes && isLonger : !isDes || isLonger
}

function verified(
  store: KeyStore,
  entry: StoredKey,
  expected: string | undefined,
  aesForm: AesCheckForm | undefined
): StoredKey | SecurityFault {
  const opened = store.unwrap(entry)
  if (isFault(opened)) return opened
  const { attributes, key } = opened
  const right = keyCheckValue(attributes, key) === entry.checkValue &&
    (expected === undefined || isCheckValueOf(attributes, key, expected, aesForm))
  key.fill(0)
  return right ? entry : fault("check-value-wrong")
}
