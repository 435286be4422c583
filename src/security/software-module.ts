/**
 * The security module in software: keys live in this process, opened from blocks under the key
 * store's master key. What holds: a block is used only for what its header permits; the same block
 * has one handle while anyone holds it, and a handle is never given out twice; PINs are translated
 * only where the configuration declares a test environment (PCI PIN forbids it elsewhere).
 */

import { Effect, Layer } from "effect"
import type { KeyHandle } from "../domain/brand.ts"
import { buggify } from "../domain/buggify.ts"
import type { FailureCode } from "../domain/failures.ts"
import {
  type DukptUse,
  type KeyPurpose,
  type MacAlgorithm,
  SecurityModule,
  type SecurityModuleShape,
  type WorkingKeys,
  type WorkingKeyShape
} from "../domain/ports/security-module.ts"
import { Random, Time } from "../domain/ports/time.ts"
import type { BlockAlgorithm } from "./block-cipher.ts"
import { CipherCache, type CipherCacheLimits, defaultCacheLimits } from "./cipher-cache.ts"
import { deriveDukpt } from "./dukpt-key.ts"
import type { KeyAttributes } from "./key-block.ts"
import {
  type ClearKeys,
  forget,
  newWorkingKeys,
  shapeAlgorithm,
  writeDownload
} from "./key-download.ts"
import type { KeyStore } from "./key-store.ts"
import { cipherOf, macAllowed, modeAllows, serves, workingAttributes } from "./key-usage.ts"
import { makeMac } from "./mac.ts"
import { type PinTranslation, type RandomBytes, translatePin } from "./pin-block.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"

interface SoftwareModuleOptions {
  readonly store: KeyStore
  /** The configuration says that no real PIN comes here: PINs may be translated. */
  readonly testEnvironment: boolean
  readonly limits?: CipherCacheLimits
  /** Told of every refusal, for a counter. */
  readonly onRefused?: (refusal: SecurityFault) => void
}

export function softwareModuleLayer(
  options: SoftwareModuleOptions
): Layer.Layer<SecurityModule, never, Random | Time> {
  return Layer.effect(
    SecurityModule,
    Effect.gen(function*() {
      const random = yield* Random
      const time = yield* Time
      const keys = new SoftwareKeys(options, random.bytes, () => time.wallMs())
      yield* Effect.addFinalizer(() => Effect.sync(() => keys.clear()))
      const later = (task: () => void) => {
        const stop = time.every(laterMs, () => {
          stop()
          task()
        })
      }
      return SecurityModule.of({ ...softwareModule(keys), translatePin: oddly(keys, later) })
    })
  )
}

/** As long as a module on a network takes when it is busy. */
const laterMs = 250

/** In the seeded world it sometimes answers as one on a network does: later, or not at all. */
function oddly(
  keys: SoftwareKeys,
  later: (task: () => void) => void
): SecurityModuleShape["translatePin"] {
  const { translatePin: translate } = softwareModule(keys)
  return (request, done) => {
    if (buggify("pin-module-away", 0.01)) later(() => done("hsm-unavailable"))
    else if (buggify("pin-translated-late", 0.1)) {
      translate(request, (result) => later(() => done(result)))
    } else translate(request, done)
  }
}

/** The port over these keys. All of it answers within the call. */
export function softwareModule(keys: SoftwareKeys): SecurityModuleShape {
  return {
    place: "software",
    install: (block, purpose) => orFailure(keys.install(block, purpose)),
    derive: (baseKey, serial, use) => orFailure(keys.derive(baseKey, serial, use)),
    release: (handle) => keys.release(handle),
    onForgotten: (listener) => keys.onForgotten(listener),
    exportToWorker: (handle, algorithm) => keys.export(handle, algorithm),
    makeMac: (handle, algorithm, bytes, done) => {
      const mac = keys.mac(handle, algorithm, bytes)
      done(isFault(mac) ? undefined : mac)
    },
    translatePin: (request, done) => done(orFailure(keys.translate(request))),
    issueWorkingKeys: (masterKey, shape) =>
      Effect.suspend(() => {
        const issued = keys.issue(masterKey, shape)
        return isFault(issued) ? Effect.fail(failureOf(issued)) : Effect.succeed(issued)
      })
  }
}

/** What the stations are told of a refusal. */
export function failureOf(refusal: SecurityFault): FailureCode {
  const { code } = refusal
  if (code.startsWith("pin-") || code === "length-unfit") return "pin-refused"
  if (code.startsWith("hsm-")) return "hsm-unavailable"
  if (code === "ksn-format" || code === "counter-range") return "message-format"
  return code === "cache-full" ? "overloaded" : "key-missing"
}

interface Held {
  readonly name: string
  readonly purpose: KeyPurpose
  readonly attributes: KeyAttributes
  readonly algorithm: BlockAlgorithm | undefined
  /** Of one DUKPT transaction: no worker learns it. */
  readonly derived: boolean
  holders: number
}

type HandleRequest = Parameters<SecurityModuleShape["translatePin"]>[0]

/** Keys by handle, each checked against its block at every use. */
export class SoftwareKeys {
  readonly #store: KeyStore
  readonly #testEnvironment: boolean
  readonly #random: RandomBytes
  readonly #wallMs: () => number
  readonly #cache: CipherCache
  readonly #onRefused: (refusal: SecurityFault) => void
  readonly #held = new Map<KeyHandle, Held>()
  readonly #handles = new Map<string, KeyHandle>()
  readonly #forgotten = new Set<(handle: KeyHandle) => void>()
  #lastHandle = 0

  constructor(options: SoftwareModuleOptions, random: RandomBytes, wallMs: () => number) {
    this.#store = options.store
    this.#testEnvironment = options.testEnvironment
    this.#random = random
    this.#wallMs = wallMs
    this.#cache = new CipherCache(options.limits ?? defaultCacheLimits)
    this.#onRefused = options.onRefused ?? (() => {})
  }

  /** Faults `key-usage`, `cache-full`, and those of `unwrapKeyBlock`. */
  install(block: Uint8Array, purpose: KeyPurpose): KeyHandle | SecurityFault {
    const text = Buffer.from(block.buffer, block.byteOffset, block.length).toString("latin1")
    const name = `${purpose} ${text}`
    const present = this.#handles.get(name)
    const held = present === undefined ? undefined : this.#held.get(present)
    if (present !== undefined && held !== undefined) {
      held.holders++
      return present
    }
    const opened = this.#store.unwrapBlock(text, this.#wallMs())
    if (isFault(opened)) return this.#refused(opened)
    const { attributes, key } = opened
    const handle = serves(attributes, purpose)
      ? this.#hold(name, purpose, attributes, key, false)
      : fault("key-usage")
    key.fill(0)
    return isFault(handle) ? this.#refused(handle) : handle
  }

  /** Faults `key-unknown`, `key-usage`, `cache-full`, and those of the DUKPT derivations. */
  derive(baseKey: string, serial: Uint8Array, use: DukptUse): KeyHandle | SecurityFault {
    const entry = this.#store.current(baseKey)
    if (entry === undefined) return this.#refused(fault("ksn-unknown"))
    const base = this.#store.unwrap(entry)
    if (isFault(base)) return this.#refused(base)
    const derived = deriveDukpt(base.attributes, base.key, serial, use)
    base.key.fill(0)
    if (isFault(derived)) return this.#refused(derived)
    const { attributes, key, purpose } = derived
    const name = `${purpose} dukpt ${this.#lastHandle + 1}`
    const handle = this.#hold(name, purpose, attributes, key, true)
    key.fill(0)
    return isFault(handle) ? this.#refused(handle) : handle
  }

  /** The last holder's release forgets the key and overwrites it. */
  release(handle: KeyHandle): void {
    const held = this.#held.get(handle)
    if (held === undefined || --held.holders > 0) return
    this.#held.delete(handle)
    this.#handles.delete(held.name)
    this.#cache.drop(handle)
    if (!held.derived) { for (const listener of this.#forgotten) listener(handle) }
  }

  /** Of keys that were ever given away, the listener hears when they are forgotten. */
  onForgotten(listener: (handle: KeyHandle) => void): () => void {
    this.#forgotten.add(listener)
    return () => void this.#forgotten.delete(listener)
  }

  /** A copy, for a worker that makes and verifies MACs; other keys stay here. */
  export(handle: KeyHandle, algorithm: MacAlgorithm): Uint8Array | undefined {
    const held = this.#held.get(handle)
    const key = this.#cache.bytesOf(handle)
    if (held === undefined || key === undefined || held.derived) return undefined
    const both = macAllowed(held.attributes, algorithm, "generate") &&
      macAllowed(held.attributes, algorithm, "verify")
    return both ? Uint8Array.from(key) : undefined
  }

  /** Faults `key-unknown`, `key-usage`, and those of `makeMac`. */
  mac(
    handle: KeyHandle,
    algorithm: MacAlgorithm,
    bytes: Uint8Array
  ): Uint8Array | SecurityFault {
    const held = this.#held.get(handle)
    if (held === undefined) return this.#refused(fault("key-unknown"))
    if (!macAllowed(held.attributes, algorithm, "generate")) {
      return this.#refused(fault("key-usage"))
    }
    const mac = makeMac(this.#cache, handle, algorithm, bytes)
    return isFault(mac) ? this.#refused(mac) : mac
  }

  /** Faults `pin-environment`, `key-unknown`, `key-usage`, and those of `translatePin`. */
  translate(request: HandleRequest): Uint8Array | SecurityFault {
    if (!this.#testEnvironment) return this.#refused(fault("pin-environment"))
    const from = this.#pinKey(request.from, "decrypt")
    if (isFault(from)) return this.#refused(from)
    const to = this.#pinKey(request.to, "encrypt")
    if (isFault(to)) return this.#refused(to)
    const { fromFormat, toFormat, pan, block } = request
    const translation: PinTranslation = { from, to, fromFormat, toFormat, pan, block }
    const result = translatePin(this.#cache, translation, this.#random)
    return isFault(result) ? this.#refused(result) : result
  }

  /** Faults `key-unknown`, `key-usage`, `key-length`. */
  issue(masterKey: string, shape: WorkingKeyShape): WorkingKeys | SecurityFault {
    const entry = this.#store.current(masterKey)
    if (entry === undefined) return this.#refused(fault("key-unknown"))
    const master = this.#store.unwrap(entry)
    if (isFault(master)) return this.#refused(master)
    const { attributes, key } = master
    const algorithm = shapeAlgorithm(shape)
    const fits = attributes.usage === "K0" && modeAllows(attributes, "encrypt") &&
      cipherOf(attributes) === algorithm
    const issued = fits ? this.#issued(key, shape, algorithm) : fault("key-usage")
    key.fill(0)
    return isFault(issued) ? this.#refused(issued) : issued
  }

  clear(): void {
    this.#cache.clear()
    this.#held.clear()
    this.#handles.clear()
  }

  #hold(
    name: string,
    purpose: KeyPurpose,
    attributes: KeyAttributes,
    key: Uint8Array,
    derived: boolean
  ): KeyHandle | SecurityFault {
    const handle = this.#lastHandle + 1 as KeyHandle
    if (!this.#cache.put(handle, key)) return fault("cache-full")
    this.#lastHandle = handle
    const algorithm = cipherOf(attributes)
    this.#held.set(handle, { name, purpose, attributes, algorithm, derived, holders: 1 })
    this.#handles.set(name, handle)
    return handle
  }

  #issued(
    master: Uint8Array,
    shape: WorkingKeyShape,
    algorithm: BlockAlgorithm
  ): WorkingKeys | SecurityFault {
    const keys = newWorkingKeys(shape, this.#random)
    const download = writeDownload(shape, master, keys)
    const blocks = isFault(download) ? download : this.#blocksOf(keys, algorithm)
    forget(keys)
    if (isFault(download)) return download
    return isFault(blocks) ? blocks : { blocks, download }
  }

  #blocksOf(keys: ClearKeys, algorithm: BlockAlgorithm): WorkingKeys["blocks"] | SecurityFault {
    const blocks: Partial<Record<KeyPurpose, Uint8Array>> = {}
    for (const purpose of ["pin", "mac", "track"] as const) {
      const key = keys[purpose]
      if (key === undefined) continue
      const attributes = workingAttributes(purpose, algorithm, key.length)
      const block = this.#store.wrap(attributes, key, this.#random)
      if (isFault(block)) return block
      blocks[purpose] = Buffer.from(block, "latin1")
    }
    return blocks
  }

  #pinKey(
    handle: KeyHandle,
    operation: "encrypt" | "decrypt"
  ): PinTranslation["from"] | SecurityFault {
    const held = this.#held.get(handle)
    if (held === undefined) return fault("key-unknown")
    const { algorithm, attributes, purpose } = held
    if (purpose !== "pin" || algorithm === undefined || !modeAllows(attributes, operation)) {
      return fault("key-usage")
    }
    return { source: handle, algorithm }
  }

  #refused(refusal: SecurityFault): SecurityFault {
    this.#onRefused(refusal)
    return refusal
  }
}

function orFailure<T>(result: T | SecurityFault): T | FailureCode {
  return isFault(result) ? failureOf(result) : result
}
