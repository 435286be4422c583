/**
 * One contract, run against the software module and against the host-command client with the
 * simulated security module behind it.
 */

import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import type { FailureCode } from "../../src/domain/failures.ts"
import type {
  KeyPurpose,
  MacAlgorithm,
  PinFormat,
  SecurityModuleShape,
  WorkingKeyShape
} from "../../src/domain/ports/security-module.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { hsmModule } from "../../src/security/hsm-module.ts"
import type { UnwrappedKey } from "../../src/security/key-block.ts"
import { type ClearKeys, readDownload } from "../../src/security/key-download.ts"
import { workingAttributes } from "../../src/security/key-usage.ts"
import { makeMac } from "../../src/security/mac.ts"
import { openPinBlock, sealPinBlock } from "../../src/security/pin-block.ts"
import { isFault } from "../../src/security/security-fault.ts"
import { SoftwareKeys, softwareModule } from "../../src/security/software-module.ts"
import { demoStore } from "./demo-store.ts"
import { hsmRig } from "./hsm-rig.ts"
import { macVectors } from "./mac-vectors.ts"
import { randomFrom } from "./seeded-random.ts"

const hex = (text: string) => Buffer.from(text, "hex")
const store = demoStore()
const cache = new CipherCache()
const pan = "4012345678909"

type Cipher = "tdes" | "aes"

function block(purpose: KeyPurpose, key: Uint8Array, cipher: Cipher = "tdes"): Uint8Array {
  const attributes = workingAttributes(purpose, cipher, key.length)
  const wrapped = store.wrap(attributes, key, randomFrom(key[0]!))
  if (isFault(wrapped)) throw new Error(wrapped.code)
  return Buffer.from(wrapped, "latin1")
}

const made = [
  {
    place: "software",
    make: () =>
      Promise.resolve({
        one: softwareModule(
          new SoftwareKeys({ store, testEnvironment: true }, randomFrom(1), () => 0)
        ),
        close: () => Promise.resolve()
      })
  },
  {
    place: "hsm",
    make: async () => {
      const rig = await hsmRig()
      return { one: hsmModule(rig.module, rig.client), close: rig.close }
    }
  }
]

describe.each(made)("the $place module", ({ place, make }) => {
  let one: SecurityModuleShape
  let close = () => Promise.resolve()

  beforeAll(async () => {
    const opened = await make()
    one = opened.one
    close = opened.close
  })

  afterAll(() => close())

  const handleOf = (bytes: Uint8Array, purpose: KeyPurpose): KeyHandle => {
    const handle = one.install(bytes, purpose)
    if (typeof handle === "string") throw new Error(handle)
    return handle
  }
  const mac = (handle: KeyHandle, algorithm: MacAlgorithm, bytes: Uint8Array) =>
    new Promise<Uint8Array | undefined>((resolve) => {
      one.makeMac(handle, algorithm, bytes, resolve)
    })
  const translated = (
    from: KeyHandle,
    to: KeyHandle,
    formats: readonly [PinFormat, PinFormat],
    pinBlock: Uint8Array,
    card = pan
  ) =>
    new Promise<Uint8Array | FailureCode>((resolve) => {
      const [fromFormat, toFormat] = formats
      one.translatePin({ from, to, fromFormat, toFormat, pan: card, block: pinBlock }, resolve)
    })

  it("says where its keys are, and gives them out only from there", () => {
    const handle = handleOf(block("mac", Buffer.alloc(8, 0x31)), "mac")
    expect(one.place).toBe(place)
    expect(one.exportToWorker(handle, { name: "cup-ecb" }) === undefined).toBe(place === "hsm")
    one.release(handle)
  })

  it("gives the same block the same handle until its last holder lets go", async () => {
    const bytes = block("mac", Buffer.alloc(8, 0x32))
    const handle = handleOf(bytes, "mac")
    expect(one.install(bytes, "mac")).toBe(handle)
    one.release(handle)
    expect(await mac(handle, { name: "cup-ecb" }, hex("00"))).toHaveLength(8)
    one.release(handle)
    expect(await mac(handle, { name: "cup-ecb" }, hex("00"))).toBeUndefined()
    expect(handleOf(bytes, "mac")).not.toBe(handle)
  })

  it.each(macVectors)("makes China UnionPay's MAC, $name", async ({ key, covered, field }) => {
    const handle = handleOf(block("mac", hex(key)), "mac")
    expect(Buffer.from((await mac(handle, { name: "cup-ecb" }, hex(covered)))!)).toEqual(hex(field))
  })

  it.each<readonly [MacAlgorithm["name"], 1 | 2 | 3, number, Cipher]>([
    ["cup-ecb", 1, 24, "tdes"],
    ["cup-cbc", 1, 8, "tdes"],
    ["cup-cbc", 1, 16, "tdes"],
    ["x9.9", 1, 8, "tdes"],
    ["x9.9", 2, 8, "tdes"],
    ["x9.9", 3, 8, "tdes"],
    ["x9.19", 1, 16, "tdes"],
    ["x9.19", 2, 16, "tdes"],
    ["x9.19", 3, 16, "tdes"],
    ["aes-cmac", 1, 16, "aes"],
    ["aes-cmac", 1, 32, "aes"]
  ])("makes %s with padding %i and %i bytes of %s key", async (name, padding, length, cipher) => {
    const key = Buffer.from(randomFrom(length)(length))
    const handle = handleOf(block("mac", key, cipher), "mac")
    for (const size of [1, 8, 13, 400]) {
      const bytes = Buffer.alloc(size, size)
      const expected = makeMac(cache, key, { name, padding }, bytes)
      expect(Buffer.from((await mac(handle, { name, padding }, bytes))!)).toEqual(expected)
    }
  })

  it("keeps many MACs at once apart", async () => {
    const keys = [1, 2, 3].map((byte) => Buffer.alloc(16, byte * 16))
    const handles = keys.map((key) => handleOf(block("mac", key), "mac"))
    const results = await Promise.all(
      Array.from(
        { length: 60 },
        (_, index) => mac(handles[index % 3]!, { name: "x9.19" }, Buffer.from([index]))
      )
    )
    results.forEach((result, index) => {
      const expected = makeMac(cache, keys[index % 3]!, { name: "x9.19" }, Buffer.from([index]))
      expect(Buffer.from(result!)).toEqual(expected)
    })
  })

  it("makes no MAC with a key for something else", async () => {
    const retail = handleOf(block("mac", Buffer.alloc(16, 0x33)), "mac")
    const pin = handleOf(block("pin", Buffer.alloc(16, 0x34)), "pin")
    expect(await mac(retail, { name: "aes-cmac" }, hex("00"))).toBeUndefined()
    expect(await mac(pin, { name: "x9.19" }, hex("00"))).toBeUndefined()
    expect(one.install(block("pin", Buffer.alloc(16, 0x34)), "mac")).toBe("key-missing")
  })

  it("makes no MAC with a forged or foreign block", async () => {
    const forged = Buffer.from(block("mac", Buffer.alloc(16, 0x35)))
    forged[40] = forged[40] === 0x30 ? 0x31 : 0x30
    for (const bytes of [forged, forged.subarray(1), Buffer.from("no block")]) {
      const handle = one.install(bytes, "mac")
      if (typeof handle === "string") expect(handle).toBe("key-missing")
      else expect(await mac(handle, { name: "x9.19" }, hex("00"))).toBeUndefined()
    }
  })

  const pinKeys = {
    tdes: [Buffer.alloc(16, 0x46), Buffer.alloc(16, 0x57)],
    aes: [Buffer.alloc(16, 0x68), Buffer.alloc(16, 0x79)]
  } as const
  const cipherOf = (format: PinFormat): Cipher => format === 4 ? "aes" : "tdes"
  const formats: ReadonlyArray<PinFormat> = [0, 1, 3, 4]

  it.each(formats.flatMap((from) => formats.map((to) => [from, to] as const)))(
    "translates a PIN from format %i to %i, or refuses it as the table says",
    async (from, to) => {
      const [source] = pinKeys[cipherOf(from)]
      const [, target] = pinKeys[cipherOf(to)]
      const sealed = sealPinBlock(
        cache,
        { source, algorithm: cipherOf(from) },
        from,
        pan,
        "24680",
        randomFrom(3)
      )
      const result = await translated(
        handleOf(block("pin", source, cipherOf(from)), "pin"),
        handleOf(block("pin", target, cipherOf(to)), "pin"),
        [from, to],
        sealed as Uint8Array
      )
      if (to === 1 && from !== 1) return expect(result).toBe("pin-refused")
      const key = { source: target, algorithm: cipherOf(to) }
      const pin = openPinBlock(
        cache,
        key,
        to,
        pan,
        result as Uint8Array,
        (digits) => digits.join("")
      )
      expect(pin).toBe("24680")
    }
  )

  it("refuses PIN blocks that are none, by the same name", async () => {
    const [source, target] = pinKeys.tdes
    const from = handleOf(block("pin", source), "pin")
    const to = handleOf(block("pin", target), "pin")
    const bad = [
      Buffer.alloc(8),
      Buffer.from("0F1261AAAAEDCBA9", "hex"),
      Buffer.alloc(16),
      Buffer.alloc(0)
    ]
    for (const pinBlock of bad) {
      expect(await translated(from, to, [0, 3], pinBlock)).toBe("pin-refused")
    }
    for (const card of ["", "123456789012", "40123456789O9"]) {
      expect(await translated(from, to, [0, 3], Buffer.alloc(8), card)).toBe("pin-refused")
    }
    const unknown = 999_999 as KeyHandle
    expect(await translated(unknown, to, [0, 3], Buffer.alloc(8))).toBe("key-missing")
  })

  it.each<readonly [string, string, PinFormat]>([
    ["bdk-demo-tdes", "FFFF9876543210E00001", 0],
    ["bdk-demo-aes", "123456789012345600000001", 4]
  ])("translates a PIN under a key derived from %s", async (base, serial, format) => {
    const key = hex(
      format === 4 ? "AF8CB133A78F8DC2D1359F18527593FB" : "042666B49184CF5C68DE9628D0397B36"
    )
    const sealed = sealPinBlock(
      cache,
      { source: key, algorithm: cipherOf(format) },
      format,
      pan,
      "1234",
      randomFrom(1)
    )
    const from = one.derive(base, hex(serial), "pin") as KeyHandle
    const [, target] = pinKeys.tdes
    const to = handleOf(block("pin", target), "pin")
    const result = await translated(from, to, [format, 3], sealed as Uint8Array)
    const under = { source: target, algorithm: "tdes" } as const
    const pin = openPinBlock(
      cache,
      under,
      3,
      pan,
      result as Uint8Array,
      (digits) => digits.join("")
    )
    expect(pin).toBe("1234")
    one.release(from)
    expect(await translated(from, to, [format, 3], sealed as Uint8Array)).toBe("key-missing")
    expect(one.derive("bdk-none", hex(serial), "pin")).toBe("key-missing")
    expect(one.derive("tmk-demo", hex(serial), "pin")).toBe("key-missing")
    // The message is wrong, not the key: to sign on again would help no terminal.
    expect(one.derive(base, hex("00"), "pin")).toBe("message-format")
    const never = hex(serial)
    never.fill(0, never.length - 2)
    expect(one.derive(base, never, "pin")).toBe("message-format")
  })

  const shapes: ReadonlyArray<readonly [WorkingKeyShape, string]> = [
    ["cup-24", "tmk-demo"],
    ["cup-40", "tmk-sample-40"],
    ["cup-56", "tmk-demo"],
    ["cup-60", "tmk-demo"],
    ["cup-84", "tmk-demo"],
    ["iso87-single", "tmk-demo"],
    ["iso87-double", "tmk-demo"]
  ]
  it.each(shapes)("issues working keys of shape %s that serve both sides", async (shape, name) => {
    const issued = await Effect.runPromise(one.issueWorkingKeys(name, shape))
    const master = (store.unwrap(store.current(name)!) as UnwrappedKey).key
    const keys = readDownload(shape, master, issued.download) as ClearKeys
    const handle = handleOf(issued.blocks.mac!, "mac")
    const algorithm = { name: "cup-ecb" } as const
    const expected = makeMac(cache, keys.mac!, algorithm, Buffer.from("0200"))
    expect(Buffer.from((await mac(handle, algorithm, Buffer.from("0200")))!)).toEqual(expected)
    const [, target] = pinKeys.tdes
    const source = { source: keys.pin!, algorithm: "tdes" } as const
    const sealed = sealPinBlock(cache, source, 0, pan, "1234", randomFrom(1))
    const result = await translated(
      handleOf(issued.blocks.pin!, "pin"),
      handleOf(block("pin", target), "pin"),
      [0, 3],
      sealed as Uint8Array
    )
    expect(result).toBeInstanceOf(Uint8Array)
    expect(issued.blocks.track === undefined).toBe(keys.track === undefined)
  })

  it("rotates keys under load: the old one serves until it is let go, and no MAC goes wrong", async () => {
    const master = (store.unwrap(store.current("tmk-demo")!) as UnwrappedKey).key
    const algorithm = { name: "cup-ecb" } as const
    const issue = async () => {
      const issued = await Effect.runPromise(one.issueWorkingKeys("tmk-demo", "cup-40"))
      const keys = readDownload("cup-40", master, issued.download) as ClearKeys
      return { handle: handleOf(issued.blocks.mac!, "mac"), key: keys.mac! }
    }
    let checked = 0
    const terminal = async (number: number) => {
      let previous = await issue()
      for (let rotation = 0; rotation < 4; rotation++) {
        const current = await issue()
        const rounds = Array.from({ length: 10 }, async (_, index) => {
          const used = index % 3 === 0 ? previous : current
          const bytes = Buffer.from(`0200 ${number} ${rotation} ${index}`)
          const answer = await mac(used.handle, algorithm, bytes)
          expect(Buffer.from(answer!)).toEqual(makeMac(cache, used.key, algorithm, bytes))
          checked++
        })
        await Promise.all(rounds)
        one.release(previous.handle)
        expect(await mac(previous.handle, algorithm, Buffer.from("0200"))).toBeUndefined()
        previous = current
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, number) => terminal(number)))
    expect(checked).toBe(8 * 4 * 10)
  })

  it("issues nothing under a key that is none", async () => {
    for (const name of ["tmk-none", "zpk-demo", "vault-data", "bdk-demo-tdes"]) {
      const failure = await Effect.runPromise(Effect.flip(one.issueWorkingKeys(name, "cup-40")))
      expect(failure).toBe("key-missing")
    }
  })
})
