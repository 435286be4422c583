/**
 * The security module behind host commands: keys never leave it, we hold their blocks. What holds:
 * the same port as the software module; what the module cannot do is refused by name; no answer of
 * the module is used before it was read to its end.
 */

import { Effect, Layer } from "effect"
import type { KeyHandle } from "../domain/brand.ts"
import type { FailureCode } from "../domain/failures.ts"
import {
  type KeyPurpose,
  type MacAlgorithm,
  SecurityModule,
  type SecurityModuleShape,
  type WorkingKeys,
  type WorkingKeyShape
} from "../domain/ports/security-module.ts"
import { Time } from "../domain/ports/time.ts"
import { Transport } from "../domain/ports/transport.ts"
import { aesCounter } from "./dukpt-aes.ts"
import { tdesCounter } from "./dukpt-tdes.ts"
import {
  type HsmBreaker,
  HsmClient,
  type HsmClientOptions,
  type HsmCounts,
  type HsmTimers
} from "./hsm-client.ts"
import {
  checkValueOf,
  generate,
  generateMac,
  type HsmMacRequest,
  type HsmPinRequest,
  readCheckValue,
  readGenerated,
  readMac,
  readPinBlock,
  translateDukptPin,
  translatePin
} from "./hsm-command.ts"
import { attributesOf, type KeyAttributes } from "./key-block.ts"
import { assembleDownload, type Cryptogram, issuedLengths, shapeAlgorithm } from "./key-download.ts"
import { macAllowed, modeAllows, serves, workingAttributes } from "./key-usage.ts"
import { unionPayDigest, unionPayField } from "./mac.ts"
import { translationAllowed } from "./pin-block.ts"
import { fault, isFault, type SecurityFault } from "./security-fault.ts"
import { failureOf } from "./software-module.ts"

export interface HsmModuleOptions {
  readonly client: HsmClientOptions
  readonly breaker: HsmBreaker
  readonly timers: HsmTimers
  /** Blocks under the module's local master key by name: terminal master keys, base keys. */
  readonly keyBlock: (name: string) => string | undefined
  /** Keys installed at once; `install` declines the next one. */
  readonly maxKeys: number
  readonly onRefused?: (refusal: SecurityFault) => void
  /** Gets what reads the client's counts. */
  readonly watch?: (counts: () => HsmCounts) => void
}

export function hsmModuleLayer(
  options: HsmModuleOptions
): Layer.Layer<SecurityModule, never, Transport | Time> {
  return Layer.effect(
    SecurityModule,
    Effect.gen(function*() {
      const transport = yield* Transport
      const { defer, monotonicMs } = yield* Time
      const { breaker, timers } = options
      const client = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new HsmClient(options.client, { transport, timers, breaker, monotonicMs, defer })
        ),
        (open) => Effect.sync(() => open.close())
      )
      options.watch?.(() => client.counts())
      return SecurityModule.of(hsmModule(options, client))
    })
  )
}

interface Held {
  readonly name: string
  readonly block: string
  readonly purpose: KeyPurpose
  readonly attributes: KeyAttributes
  /** DUKPT: `block` is the base key. */
  readonly serial: Uint8Array | undefined
  holders: number
}

type Request = Parameters<SecurityModuleShape["translatePin"]>[0]

/** The port over this client. */
export function hsmModule(options: HsmModuleOptions, client: HsmClient): SecurityModuleShape {
  const keys = new HsmKeys(options)
  const refused = (refusal: SecurityFault): FailureCode => {
    options.onRefused?.(refusal)
    return failureOf(refusal)
  }
  return {
    place: "hsm",
    install: (block, purpose) => {
      const handle = keys.install(Buffer.from(block).toString("latin1"), purpose)
      return isFault(handle) ? refused(handle) : handle
    },
    derive: (baseKey, serial, use) => {
      const handle = keys.derive(baseKey, serial, use)
      return isFault(handle) ? refused(handle) : handle
    },
    release: (handle) => keys.release(handle),
    onForgotten: () => () => {},
    exportToWorker: () => undefined,
    makeMac: (handle, algorithm, bytes, done) => {
      const request = keys.macRequest(handle, algorithm, bytes)
      if (isFault(request)) {
        refused(request)
        return done(undefined)
      }
      client.send(generateMac(request), (fields) => {
        const mac = isFault(fields) ? fields : readMac(fields)
        if (isFault(mac)) {
          refused(mac)
          return done(undefined)
        }
        done(algorithm.name === "cup-ecb" ? unionPayField(mac) : mac)
      })
    },
    translatePin: (request, done) => {
      const command = keys.pinCommand(request)
      if (isFault(command)) return done(refused(command))
      client.send(command, (fields) => {
        const block = isFault(fields) ? fields : readPinBlock(fields, request.toFormat)
        done(isFault(block) ? refused(block) : block)
      })
    },
    issueWorkingKeys: (masterKey, shape) =>
      issue(client, options.keyBlock(masterKey), shape).pipe(
        Effect.mapError((refusal) => refused(refusal))
      )
  }
}

/** Blocks by handle. The module authenticates them; what we read here only spares it a refusal. */
class HsmKeys {
  readonly #options: HsmModuleOptions
  readonly #held = new Map<KeyHandle, Held>()
  readonly #handles = new Map<string, KeyHandle>()
  #lastHandle = 0

  constructor(options: HsmModuleOptions) {
    this.#options = options
  }

  install(block: string, purpose: KeyPurpose): KeyHandle | SecurityFault {
    const name = `${purpose} ${block}`
    const present = this.#handles.get(name)
    const held = present === undefined ? undefined : this.#held.get(present)
    if (present !== undefined && held !== undefined) {
      held.holders++
      return present
    }
    if (!/^[0-9A-Z]\d{4}[0-9A-Za-z]+$/.test(block) || Number(block.slice(1, 5)) !== block.length) {
      return fault("block-length")
    }
    const attributes = attributesOf(block)
    if (!serves(attributes, purpose)) return fault("key-usage")
    return this.#hold({ name, block, purpose, attributes, serial: undefined, holders: 1 })
  }

  /** PIN keys only: commands for DUKPT MACs differ from module to module. */
  derive(baseKey: string, serial: Uint8Array, use: string): KeyHandle | SecurityFault {
    const block = this.#options.keyBlock(baseKey)
    if (block === undefined) return fault("ksn-unknown")
    const base = attributesOf(block)
    if (use !== "pin" || base.usage !== "B0" || !modeAllows(base, "derive")) {
      return fault("key-usage")
    }
    const aes = base.algorithm === "A"
    const counter = aes ? aesCounter(serial) : tdesCounter(serial)
    if (isFault(counter)) return counter
    const name = `pin dukpt ${this.#lastHandle + 1}`
    const attributes = workingAttributes("pin", aes ? "aes" : "tdes", 16)
    return this.#hold({ name, block, purpose: "pin", attributes, serial, holders: 1 })
  }

  release(handle: KeyHandle): void {
    const held = this.#held.get(handle)
    if (held === undefined || --held.holders > 0) return
    this.#held.delete(handle)
    this.#handles.delete(held.name)
  }

  macRequest(
    handle: KeyHandle,
    algorithm: MacAlgorithm,
    bytes: Uint8Array
  ): HsmMacRequest | SecurityFault {
    const held = this.#held.get(handle)
    if (held === undefined) return fault("key-unknown")
    if (!macAllowed(held.attributes, algorithm, "generate")) return fault("key-usage")
    const { block } = held
    const padding = String(algorithm.padding ?? 1) as "1" | "2" | "3"
    switch (algorithm.name) {
      case "cup-ecb":
        return { algorithm: "1", padding: "0", block, bytes: unionPayDigest(bytes) }
      case "cup-cbc":
        return { algorithm: single(held.attributes) ? "1" : "3", padding: "1", block, bytes }
      case "x9.9":
        return { algorithm: "1", padding, block, bytes }
      case "x9.19":
        return { algorithm: "3", padding, block, bytes }
      case "aes-cmac":
        return { algorithm: "6", padding: "0", block, bytes }
      default:
        return fault("algorithm-unfit")
    }
  }

  pinCommand(request: Request): Buffer | SecurityFault {
    const from = this.#held.get(request.from)
    const to = this.#held.get(request.to)
    if (from === undefined || to === undefined) return fault("key-unknown")
    // A key that was derived for this transaction opens a block; none is sealed under one.
    const fits = from.purpose === "pin" && to.purpose === "pin" && to.serial === undefined &&
      modeAllows(from.attributes, "decrypt") && modeAllows(to.attributes, "encrypt")
    if (!fits) return fault("key-usage")
    const { fromFormat, toFormat, pan } = request
    if (!translationAllowed(fromFormat, toFormat)) return fault("pin-translation")
    const needsPan = fromFormat !== 1 || toFormat !== 1
    if (needsPan && !/^\d{13,19}$/.test(pan)) return fault("pin-pan")
    const fields: HsmPinRequest = {
      from: from.block,
      to: to.block,
      fromFormat,
      toFormat,
      pan,
      pinBlock: request.block
    }
    return from.serial === undefined
      ? translatePin("CA", fields)
      : translateDukptPin(fields, from.serial)
  }

  #hold(held: Held): KeyHandle | SecurityFault {
    if (this.#held.size >= this.#options.maxKeys) return fault("cache-full")
    const handle = ++this.#lastHandle as KeyHandle
    this.#held.set(handle, held)
    this.#handles.set(held.name, handle)
    return handle
  }
}

/** Each key of the shape is made by the module; the check value needs a command of its own. */
function issue(
  client: HsmClient,
  master: string | undefined,
  shape: WorkingKeyShape
): Effect.Effect<WorkingKeys, SecurityFault> {
  return Effect.gen(function*() {
    if (master === undefined) return yield* Effect.fail(fault("key-unknown"))
    const algorithm = shapeAlgorithm(shape)
    const attributes = attributesOf(master)
    // No host command makes SM4 keys.
    if (algorithm !== "tdes" || attributes.algorithm !== "T" || attributes.usage !== "K0") {
      return yield* Effect.fail(fault("key-usage"))
    }
    const blocks: Partial<Record<KeyPurpose, Uint8Array>> = {}
    const cryptograms: Partial<Record<KeyPurpose, Cryptogram>> = {}
    for (const { purpose, length } of issuedLengths(shape)) {
      const size = length === 8 || length === 16 ? length : 24
      const header = workingAttributes(purpose, algorithm, size)
      const made = yield* ask(
        client,
        generate(master, header, size),
        (fields) => readGenerated(fields, size)
      )
      const checkValue = yield* ask(client, checkValueOf(made.block), readCheckValue)
      blocks[purpose] = Buffer.from(made.block, "latin1")
      cryptograms[purpose] = { bytes: made.cryptogram, checkValue }
    }
    const download = assembleDownload(shape, cryptograms)
    if (isFault(download)) return yield* Effect.fail(download)
    return { blocks, download }
  })
}

function ask<A>(
  client: HsmClient,
  command: Buffer,
  read: (fields: string) => A | SecurityFault
): Effect.Effect<A, SecurityFault> {
  return Effect.callback((resume) => {
    client.send(command, (fields) => {
      const result = isFault(fields) ? fields : read(fields)
      resume(isFault(result) ? Effect.fail(result) : Effect.succeed(result))
    })
  })
}

function single(attributes: KeyAttributes): boolean {
  return attributes.algorithm === "D"
}
