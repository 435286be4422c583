/** The software module behind its port: handles, what blocks permit, working keys, PINs. */

import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { chooseRareBranches } from "../../src/domain/buggify.ts"
import type { FailureCode } from "../../src/domain/failures.ts"
import {
  type KeyPurpose,
  type MacAlgorithm,
  SecurityModule,
  type SecurityModuleShape,
  type WorkingKeyShape
} from "../../src/domain/ports/security-module.ts"
import { Random } from "../../src/domain/ports/time.ts"
import { shapeMacs } from "../../src/iso8583/semantics.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import type { ClearKeys } from "../../src/security/key-download.ts"
import { readDownload } from "../../src/security/key-download.ts"
import { seededWorkingKeys } from "../../src/security/key-store.ts"
import { workingAttributes } from "../../src/security/key-usage.ts"
import { openPinBlock, sealPinBlock } from "../../src/security/pin-block.ts"
import { isFault, type SecurityFault } from "../../src/security/security-fault.ts"
import {
  SoftwareKeys,
  softwareModule,
  softwareModuleLayer
} from "../../src/security/software-module.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { demoStore } from "./demo-store.ts"
import { macVectors } from "./mac-vectors.ts"
import { randomFrom } from "./seeded-random.ts"

const hex = (text: string) => Buffer.from(text, "hex")
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const store = demoStore()

function module(
  options: { readonly test?: boolean; readonly maxKeys?: number; readonly seen?: Array<string> } =
    {}
): SecurityModuleShape {
  return softwareModule(
    new SoftwareKeys(
      {
        store,
        testEnvironment: options.test ?? true,
        limits: { maxKeys: options.maxKeys ?? 100, maxCiphers: 10 },
        onRefused: (refusal: SecurityFault) => options.seen?.push(refusal.code)
      },
      randomFrom(5),
      () => 0
    )
  )
}

function block(purpose: KeyPurpose, key: Uint8Array, mode?: string): Uint8Array {
  const attributes = workingAttributes(purpose, key.length === 32 ? "aes" : "tdes", key.length)
  const wrapped = store.wrap(
    { ...attributes, ...(mode === undefined ? {} : { mode }) },
    key,
    randomFrom(8)
  )
  return Buffer.from(wrapped as string, "latin1")
}

function macOf(
  shape: SecurityModuleShape,
  handle: KeyHandle,
  algorithm: MacAlgorithm,
  bytes: Uint8Array
): Uint8Array | undefined {
  let result: Uint8Array | undefined | "silent" = "silent"
  shape.makeMac(handle, algorithm, bytes, (mac) => result = mac)
  if (result === "silent") throw new Error("no answer within the call")
  return result
}

describe("handles", () => {
  it("are the same for the same block, until its last holder lets go", () => {
    const one = module()
    const bytes = block("mac", hex("C1A4AE89BAEAB029"))
    const first = one.install(bytes, "mac") as KeyHandle
    expect(one.install(Uint8Array.from(bytes), "mac")).toBe(first)
    one.release(first)
    expect(one.exportToWorker(first, { name: "cup-ecb" })).toEqual(
      Uint8Array.from(hex("C1A4AE89BAEAB029"))
    )
    one.release(first)
    expect(one.exportToWorker(first, { name: "cup-ecb" })).toBeUndefined()
    expect(macOf(one, first, { name: "cup-ecb" }, hex("00"))).toBeUndefined()
    one.release(first)
    expect(one.install(bytes, "mac")).not.toBe(first)
  })

  it("are told of when their last holder lets go, but those of one DUKPT transaction", () => {
    const one = module()
    const forgotten: Array<KeyHandle> = []
    const end = one.onForgotten((handle) => forgotten.push(handle))
    const bytes = block("mac", hex("C1A4AE89BAEAB029"))
    const handle = one.install(bytes, "mac") as KeyHandle
    one.install(bytes, "mac")
    one.release(handle)
    expect(forgotten).toEqual([])
    one.release(handle)
    one.release(handle)
    const serial = hex("FFFF9876543210E00001")
    one.release(one.derive("bdk-demo-tdes", serial, "mac-request") as KeyHandle)
    expect(forgotten).toEqual([handle])
    end()
    one.release(one.install(bytes, "mac") as KeyHandle)
    expect(forgotten).toEqual([handle])
  })

  it("are bounded", () => {
    const seen: Array<string> = []
    const one = module({ maxKeys: 2, seen })
    for (const byte of [1, 2]) {
      expect(one.install(block("mac", Buffer.alloc(8, byte)), "mac")).toBeTypeOf("number")
    }
    expect(one.install(block("mac", Buffer.alloc(8, 3)), "mac")).toBe("overloaded")
    expect(seen).toEqual(["cache-full"])
  })

  it("are refused for blocks that are forged, foreign or for another purpose", () => {
    const seen: Array<string> = []
    const one = module({ seen })
    const right = block("mac", Buffer.alloc(16, 3))
    const forged = Uint8Array.from(right)
    forged[30]! ^= 1
    expect(one.install(forged, "mac")).toBe("key-missing")
    expect(one.install(right, "pin")).toBe("key-missing")
    expect(one.install(Buffer.from("D"), "mac")).toBe("key-missing")
    expect(one.install(Buffer.from(store.current("tmk-demo")!.block), "mac")).toBe("key-missing")
    expect(seen).toHaveLength(4)
    expect(seen.slice(1)).toEqual(["key-usage", "block-length", "key-usage"])
  })
})

describe("MACs", () => {
  it("are made with a seeded working key", () => {
    const one = module()
    const [, , c] = macVectors
    const handle = one.install(seededWorkingKeys(store).get("65465423")!.mac!, "mac") as KeyHandle
    const mac = macOf(one, handle, { name: "cup-ecb" }, hex(c!.covered))
    expect(Buffer.from(mac!)).toEqual(hex(c!.field))
  })

  it("are not made for what the block forbids", () => {
    const one = module()
    const verifyOnly = one.install(block("mac", Buffer.alloc(16, 3), "V"), "mac") as KeyHandle
    expect(macOf(one, verifyOnly, { name: "x9.19" }, hex("00"))).toBeUndefined()
    expect(one.exportToWorker(verifyOnly, { name: "x9.19" })).toBeUndefined()
    const retail = one.install(block("mac", Buffer.alloc(16, 3)), "mac") as KeyHandle
    expect(macOf(one, retail, { name: "aes-cmac" }, hex("00"))).toBeUndefined()
    expect(one.exportToWorker(retail, { name: "aes-cmac" })).toBeUndefined()
    expect(one.exportToWorker(retail, { name: "x9.19" })).toEqual(new Uint8Array(16).fill(3))
    // A key of algorithm 1 makes no MAC of algorithm 3, though its length would do.
    const header = { ...workingAttributes("mac", "tdes", 16), usage: "M1" }
    const plain = Buffer.from(store.wrap(header, Buffer.alloc(16, 3), randomFrom(8)) as string)
    const chained = one.install(plain, "mac") as KeyHandle
    expect(macOf(one, chained, { name: "x9.19" }, hex("00"))).toBeUndefined()
    const pin = one.install(block("pin", Buffer.alloc(16, 3)), "pin") as KeyHandle
    expect(macOf(one, pin, { name: "x9.19" }, hex("00"))).toBeUndefined()
    expect(one.exportToWorker(pin, { name: "x9.19" })).toBeUndefined()
  })
})

describe("working keys", () => {
  const shapes: ReadonlyArray<readonly [WorkingKeyShape, string]> = [
    ["cup-24", "tmk-demo"],
    ["cup-40", "tmk-sample-40"],
    ["cup-56", "tmk-demo"],
    ["cup-57-sm4", "tmk-demo-sm4"],
    ["cup-60", "tmk-demo"],
    ["cup-84", "tmk-demo"],
    ["iso87-single", "tmk-demo"],
    ["iso87-double", "tmk-demo"]
  ]
  it.effect.each(shapes)(
    "of shape %s are the same in blocks and download",
    ([shape, name]) =>
      Effect.gen(function*() {
        const one = module()
        const issued = yield* one.issueWorkingKeys(name, shape)
        const opened = store.unwrap(store.current(name)!) as { readonly key: Buffer }
        const keys = readDownload(shape, opened.key, issued.download) as ClearKeys
        for (const purpose of ["pin", "mac", "track"] as const) {
          const bytes = issued.blocks[purpose]
          expect(bytes === undefined).toBe(keys[purpose] === undefined)
          if (bytes === undefined) continue
          expect(one.install(bytes, purpose)).toBeTypeOf("number")
          const inside = store.unwrapBlock(Buffer.from(bytes).toString("latin1"), 0)
          expect((inside as { readonly key: Buffer }).key).toEqual(keys[purpose])
        }
      })
  )

  it.effect("are refused under a key that is unknown or no master key of the cipher", () =>
    Effect.gen(function*() {
      const one = module()
      const codes: Array<FailureCode> = []
      for (const name of ["tmk-none", "vault-data", "tmk-demo-sm4", "zpk-demo"]) {
        codes.push(yield* Effect.flip(one.issueWorkingKeys(name, "cup-40")))
      }
      expect(codes).toEqual(["key-missing", "key-missing", "key-missing", "key-missing"])
    }))
})

describe("the MAC key of a download", () => {
  const names: ReadonlyArray<MacAlgorithm["name"]> = [
    "cup-ecb",
    "cup-ecb-sm4",
    "cup-cbc",
    "x9.9",
    "x9.19",
    "aes-cmac",
    "hmac-sha256",
    "hmac-sm3",
    "sm4-cbc"
  ]
  it.effect.each(Object.keys(shapeMacs) as Array<WorkingKeyShape>)(
    "of shape %s makes the MACs that dialects may have beside it, and no others",
    (shape) =>
      Effect.gen(function*() {
        const one = module()
        const master = shape === "cup-57-sm4" ? "tmk-demo-sm4" : "tmk-demo"
        const { blocks } = yield* one.issueWorkingKeys(master, shape)
        const key = one.install(blocks.mac!, "mac") as KeyHandle
        const made = names.filter((name) => macOf(one, key, { name }, hex("00")) !== undefined)
        expect(made).toEqual(names.filter((name) => shapeMacs[shape].includes(name)))
      })
  )
})

describe("PINs", () => {
  const from = Buffer.alloc(16, 0x31)
  const to = Buffer.alloc(16, 0x52)
  const pan = "4012345678909"
  const cache = new CipherCache()

  function translated(
    one: SecurityModuleShape,
    mode?: string,
    purpose: KeyPurpose = "pin"
  ): Uint8Array | FailureCode {
    const sealed = sealPinBlock(
      cache,
      { source: from, algorithm: "tdes" },
      0,
      pan,
      "1234",
      randomFrom(1)
    )
    let result: Uint8Array | FailureCode | undefined
    one.translatePin({
      from: one.install(block("pin", from), "pin") as KeyHandle,
      to: one.install(block(purpose, to, mode), purpose) as KeyHandle,
      fromFormat: 0,
      toFormat: 3,
      pan,
      block: sealed as Uint8Array
    }, (answer) => result = answer)
    if (result === undefined) throw new Error("no answer within the call")
    return result
  }

  it("are translated in a test environment", () => {
    const result = translated(module()) as Uint8Array
    const pin = openPinBlock(
      cache,
      { source: to, algorithm: "tdes" },
      3,
      pan,
      result,
      (digits) => digits.join("")
    )
    expect(pin).toBe("1234")
  })

  it("are not translated elsewhere, nor with a key for deciphering only", () => {
    const seen: Array<string> = []
    expect(translated(module({ test: false, seen }))).toBe("pin-refused")
    expect(translated(module({ seen }), "D")).toBe("key-missing")
    expect(seen).toEqual(["pin-environment", "key-usage"])
  })

  it("never stand under a key for other data: whoever has that would read them", () => {
    const seen: Array<string> = []
    expect(translated(module({ seen }), "B", "track")).toBe("key-missing")
    expect(seen).toEqual(["key-usage"])
  })
})

describe("DUKPT keys", () => {
  const pan = "4012345678909"

  it("are derived by name and serial number, and gone when released", () => {
    const one = module()
    const serial = hex("FFFF9876543210E00001")
    const mac = one.derive("bdk-demo-tdes", serial, "mac-request") as KeyHandle
    const made = macOf(one, mac, { name: "x9.19" }, Buffer.from("4012345678909D987"))
    expect(Buffer.from(made!).toString("hex", 0, 4).toUpperCase()).toBe("9CCC7817")
    one.release(mac)
    expect(macOf(one, mac, { name: "x9.19" }, Buffer.from("a"))).toBeUndefined()
  })

  it("make room for those of the next message", () => {
    const one = module({ maxKeys: 1 })
    for (let message = 1; message < 4; message++) {
      const derived = one.derive("bdk-demo-tdes", hex(`FFFF9876543210E0000${message}`), "pin")
      expect(derived).toBe(message)
      one.release(derived as KeyHandle)
    }
  })

  it("stay with the module: a worker that learned one would never hear that it is over", () => {
    const one = module()
    const serial = hex("FFFF9876543210E00001")
    const mac = one.derive("bdk-demo-tdes", serial, "mac-request") as KeyHandle
    expect(one.exportToWorker(mac, { name: "x9.19" })).toBeUndefined()
  })

  it("translate a PIN from one scheme to the other", () => {
    const one = module()
    const from = one.derive("bdk-demo-tdes", hex("FFFF9876543210E00001"), "pin") as KeyHandle
    const to = one.derive("bdk-demo-aes", hex("123456789012345600000001"), "pin") as KeyHandle
    let result: Uint8Array | FailureCode | undefined
    one.translatePin({
      from,
      to,
      fromFormat: 0,
      toFormat: 4,
      pan,
      block: hex("1B9C1845EB993A7A")
    }, (answer) => result = answer)
    const key = { source: hex("AF8CB133A78F8DC2D1359F18527593FB"), algorithm: "aes" } as const
    const pin = openPinBlock(
      new CipherCache(),
      key,
      4,
      pan,
      result as Uint8Array,
      (digits) => digits.join("")
    )
    expect(pin).toBe("1234")
  })

  it("are refused without a base key, from another key, and for counters out of range", () => {
    const seen: Array<string> = []
    const one = module({ seen })
    const serial = hex("FFFF9876543210E00001")
    expect(one.derive("bdk-none", serial, "pin")).toBe("key-missing")
    expect(one.derive("tmk-demo", serial, "pin")).toBe("key-missing")
    expect(one.derive("bdk-demo-tdes", hex("FFFF9876543210FFFFFF"), "pin")).toBe("message-format")
    expect(one.derive("bdk-demo-aes", serial, "pin")).toBe("message-format")
    expect(seen).toEqual(["ksn-unknown", "key-usage", "counter-range", "ksn-format"])
  })
})

describe("the layer", () => {
  const random = Layer.succeed(Random, Random.of({ next: () => 0.5, bytes: randomFrom(3) }))
  it.effect("gives the module", () =>
    Effect.gen(function*() {
      const one = yield* SecurityModule
      expect(one.place).toBe("software")
      expect(one.install(block("mac", Buffer.alloc(8, 1)), "mac")).toBe(1)
    }).pipe(
      Effect.provide(
        softwareModuleLayer({ store, testEnvironment: true }).pipe(
          Layer.provide(Layer.merge(random, new ManualTime().layer))
        )
      )
    ))

  it.effect.each(["pin-translated-late", "pin-module-away"])(
    "answers later, once, where the world asks for %s",
    (branch) => {
      const time = new ManualTime()
      return Effect.gen(function*() {
        const one = yield* SecurityModule
        const key = one.install(block("pin", Buffer.alloc(16, 0x31)), "pin")
        if (typeof key !== "number") throw new Error(key)
        const source = { source: Buffer.alloc(16, 0x31), algorithm: "tdes" } as const
        const pan = "4111111111111111"
        const sent = sealPinBlock(new CipherCache(), source, 0, pan, "1234", randomFrom(1))
        if (isFault(sent)) throw new Error(sent.code)
        const same = hexOf(sent)
        const heard: Array<string> = []
        const ask = () =>
          one.translatePin(
            { from: key, to: key, fromFormat: 0, toFormat: 0, pan, block: sent },
            (result) => heard.push(typeof result === "string" ? result : hexOf(result))
          )
        chooseRareBranches((name) => name === branch)
        ask()
        chooseRareBranches(undefined)
        expect(heard).toEqual([])
        time.pass(1000)
        expect(heard).toEqual([branch === "pin-module-away" ? "hsm-unavailable" : same])
        ask()
        expect(heard.at(-1)).toBe(same)
      }).pipe(
        Effect.provide(
          softwareModuleLayer({ store, testEnvironment: true }).pipe(
            Layer.provide(Layer.merge(random, time.layer))
          )
        )
      )
    }
  )
})
