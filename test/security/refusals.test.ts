/**
 * Bad input, one stable code for each, and nothing of a key or a PIN in anything that comes out: no
 * result, fault, error, audit entry, document, or word on stdout or stderr.
 */

import { inspect } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { KeyHandle } from "../../src/domain/brand.ts"
import { encryptBlocks } from "../../src/security/block-cipher.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { aesDukptKey } from "../../src/security/dukpt-aes.ts"
import { tdesDukptKey } from "../../src/security/dukpt-tdes.ts"
import { unwrapKeyBlock, wrapKeyBlock } from "../../src/security/key-block.ts"
import { keyCheckValue } from "../../src/security/key-check.ts"
import { importComponents, rotateKey } from "../../src/security/key-commands.ts"
import { readDownload, writeDownload } from "../../src/security/key-download.ts"
import { checkValue, verifyCheckValue, withParity } from "../../src/security/key-material.ts"
import { emptyKeyStore, type KeyStore, openKeyStore } from "../../src/security/key-store.ts"
import { workingAttributes } from "../../src/security/key-usage.ts"
import { makeMac } from "../../src/security/mac.ts"
import { openPinBlock, sealPinBlock } from "../../src/security/pin-block.ts"
import {
  allFaults,
  fault,
  type SecurityFaultCode,
  SecurityRefused
} from "../../src/security/security-fault.ts"
import { SoftwareKeys } from "../../src/security/software-module.ts"
import { randomFrom } from "./seeded-random.ts"

// Canaries: found nowhere else, in no form.
const key = Buffer.from("5EC2E7A1B3D5F70829C4E6F8A0B1D3E5", "hex")
const master = Buffer.from("7A".repeat(4) + "91B3C5D7".repeat(7), "hex")
const pin = "927461830"
const pan = "4012345678909"

const said: Array<string> = []
const random = randomFrom(11)
const cache = new CipherCache()
const tdes = { source: key, algorithm: "tdes" } as const
const store = emptyKeyStore(master) as KeyStore
const attributes = workingAttributes("mac", "tdes", 16)
const block = store.wrap(attributes, key, random) as string
const stored = {
  name: "one",
  version: 1,
  block,
  checkValue: String(keyCheckValue(attributes, key))
}
const context = { officers: ["ann", "bo"], wallMs: 0, random }

function keys(testEnvironment = true): SoftwareKeys {
  const onRefused = (refusal: unknown) => said.push(inspect(refusal))
  return new SoftwareKeys(
    { store: store.with([stored]), testEnvironment, onRefused },
    random,
    () => 0
  )
}

const bytes = (text: string) => Buffer.from(text, "latin1")
const clearPinField = (text: string) => encryptBlocks("tdes", key, Buffer.from(text, "hex"))
const open = (field: string) =>
  openPinBlock(cache, tdes, 1, pan, clearPinField(field), (digits) => [...digits].length)
const even = Buffer.from(key)
even[0]! ^= 1

const macKey = () => {
  const one = keys()
  return { one, handle: one.install(bytes(block), "mac") as KeyHandle }
}

const refusals: ReadonlyArray<readonly [string, SecurityFaultCode, () => unknown]> = [
  ["a key of another length", "key-length", () => checkValue("tdes", key.subarray(1), "ecb", 3)],
  ["even parity where odd is demanded", "key-parity", () => {
    const odd = withParity(key, "adjust")
    const wrong = Buffer.from(odd as Uint8Array)
    wrong[0]! ^= 1
    return withParity(wrong, "require")
  }],
  [
    "a wrong check value",
    "check-value-wrong",
    () => verifyCheckValue("tdes", key, Buffer.alloc(3))
  ],
  ["a download with a wrong check value", "check-value-wrong", () => {
    const download = writeDownload("cup-40", key, { pin: key, mac: key }) as Buffer
    download[18]! ^= 1
    return readDownload("cup-40", key, download)
  }],
  ["a download cut short", "download-length", () => readDownload("cup-40", key, Buffer.alloc(39))],
  [
    "a block with a forged header",
    "block-forged",
    () => unwrapKeyBlock(master, `${block.slice(0, 8)}N${block.slice(9)}`)
  ],
  [
    "a block of another master key",
    "block-forged",
    () => unwrapKeyBlock(Buffer.alloc(32, 1), block)
  ],
  ["a block cut short", "block-length", () => unwrapKeyBlock(master, block.slice(0, -2))],
  [
    "a block under a key that protects none",
    "block-protection-key",
    () => wrapKeyBlock(key.subarray(0, 8), "D", attributes, key, random)
  ],
  [
    "a store of another master key",
    "store-master-key",
    () => openKeyStore(bytes(store.with([stored]).serialise()), Buffer.alloc(32, 1))
  ],
  ["a store that is none", "store-format", () => openKeyStore(key, master)],
  [
    "a PIN of 3 digits",
    "pin-length",
    () => sealPinBlock(cache, tdes, 0, pan, pin.slice(0, 3), random)
  ],
  [
    "a PIN of 13 digits",
    "pin-length",
    () => sealPinBlock(cache, tdes, 0, pan, `${pin}9274`, random)
  ],
  ["a PIN with a letter", "pin-digits", () => sealPinBlock(cache, tdes, 0, pan, `${pin}x`, random)],
  ["a length nibble of 15", "pin-length", () => open(`1F${pin}55555`)],
  ["a length nibble of 3", "pin-length", () => open(`13${pin}55555`)],
  ["another format", "pin-format", () => open(`39${pin}55555`)],
  ["a digit that is none", "pin-digits", () => open("19F2746183055555")],
  [
    "a PAN too short for the block",
    "pin-pan",
    () => sealPinBlock(cache, tdes, 0, "123456789012", pin, random)
  ],
  [
    "a PIN block of another length",
    "length-unfit",
    () => openPinBlock(cache, tdes, 0, pan, key, () => 0)
  ],
  [
    "a triple DES counter of zero",
    "counter-range",
    () => tdesDukptKey(key, Buffer.from("FFFF9876543210E00000", "hex"), "pin")
  ],
  [
    "a triple DES counter with eleven bits",
    "counter-range",
    () => tdesDukptKey(key, Buffer.from("FFFF9876543210E007FF", "hex"), "pin")
  ],
  [
    "an AES counter with seventeen bits",
    "counter-range",
    () => aesDukptKey(key, Buffer.from("12345678901234560001FFFF", "hex"), "pin", "aes128")
  ],
  [
    "a serial number of another scheme",
    "ksn-format",
    () => tdesDukptKey(key, Buffer.alloc(12), "pin")
  ],
  [
    "a serial number never seen",
    "ksn-unknown",
    () => keys().derive("bdk-none", Buffer.from("FFFF9876543210E00001", "hex"), "pin")
  ],
  ["a MAC key as a PIN key", "key-usage", () => keys().install(bytes(block), "pin")],
  ["a MAC key for another algorithm", "key-usage", () => {
    const { one, handle } = macKey()
    return one.mac(handle, { name: "aes-cmac" }, key)
  }],
  ["a MAC key as a master key", "key-usage", () => keys().issue("one", "cup-40")],
  ["a handle that was given back", "key-unknown", () => {
    const { one, handle } = macKey()
    one.release(handle)
    return one.mac(handle, { name: "x9.19" }, key)
  }],
  [
    "a MAC with a key too long",
    "key-length",
    () => makeMac(cache, Buffer.concat([key, key]), { name: "x9.19" }, key)
  ],
  ["a PIN outside a test environment", "pin-environment", () => {
    const handle = 1 as KeyHandle
    const formats = { fromFormat: 0, toFormat: 0 } as const
    return keys(false).translate({ from: handle, to: handle, ...formats, pan, block: key })
  }],
  [
    "one component alone",
    "components-wrong",
    () =>
      importComponents(store, "two", "mac", { components: [key], parity: "ignore" }, context).result
  ],
  [
    "an officer alone",
    "dual-control",
    () => rotateKey(store.with([stored]), "one", 0, { ...context, officers: ["ann"] }).result
  ]
]

describe("bad input has its code", () => {
  it.each(refusals)("%s: %s", (_, code, run) => {
    expect(run()).toBe(fault(code))
  })
})

describe("no clear key and no PIN", () => {
  const streams = [process.stdout, process.stderr] as const
  const writes = streams.map((stream) => stream.write)

  beforeAll(() => {
    streams.forEach((stream, index) => {
      stream.write = ((chunk: string | Uint8Array, ...rest: Array<never>) => {
        said.push(Buffer.from(chunk as Uint8Array).toString("latin1"))
        return writes[index]!.call(stream, chunk, ...rest)
      }) as typeof stream.write
    })
  })

  afterAll(() => {
    streams.forEach((stream, index) => stream.write = writes[index]!)
  })

  it("comes out of any refusal, error, document or audit entry", () => {
    for (const [, code, run] of refusals) {
      say(run())
      say(new SecurityRefused({ code, key: "one" }))
    }
    for (const each of allFaults()) say(each)
    const full = store.with([stored])
    const { one, handle } = macKey()
    for (const each of [store, full, one, handle, cache]) say(each)
    said.push(full.serialise())
    say(importComponents(store, "two", "mac", {
      components: [key, Buffer.alloc(16)],
      checkValue: "000000",
      parity: "ignore"
    }, context))
    say(rotateKey(full, "one", 10, context))
    expect(said.length).toBeGreaterThan(refusals.length)
    const text = spaced(said)
    for (const secret of forms(key).concat(forms(master), forms(even), forms(bytes(pin)), [pin])) {
      expect(text.includes(secret)).toBe(false)
    }
  })

  it("would be found if it did", () => {
    const text = spaced([inspect(key), key.toString("hex"), inspect([...key])])
    expect(forms(key).filter((form) => text.includes(form))).toHaveLength(3)
  })
})

function say(value: unknown): void {
  said.push(inspect(value, { depth: 12, maxArrayLength: null, maxStringLength: null }))
  said.push(String(value))
  if (value instanceof Error) said.push(value.stack ?? "", value.message)
}

/** Lists are printed in columns: one space between words finds them too. */
function spaced(texts: ReadonlyArray<string>): string {
  return texts.join("\n").replaceAll(/ *\n *| +/g, " ")
}

/** How bytes may look in a text: hex in both cases and spaced, base64, latin1, decimal lists. */
function forms(secret: Buffer): Array<string> {
  const hex = secret.toString("hex")
  return [
    hex,
    hex.toUpperCase(),
    hex.replaceAll(/(..)(?!$)/g, "$1 "),
    secret.toString("base64").replaceAll("=", ""),
    secret.toString("latin1"),
    [...secret].join(","),
    [...secret].join(", ")
  ]
}
