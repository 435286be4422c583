/**
 * What key commands leave behind: no copy of a clear key, whole or in part, in the buffers that
 * Node cuts small ones from, nor in what the source of randomness gave.
 */

import { beforeEach, describe, expect, it } from "vitest"
import { decryptBlocks, encryptBlocks } from "../../src/security/block-cipher.ts"
import { CipherCache } from "../../src/security/cipher-cache.ts"
import { wrapKeyBlock } from "../../src/security/key-block.ts"
import {
  exportBlock,
  generateKey,
  importBlock,
  importComponents,
  type KeyChange
} from "../../src/security/key-commands.ts"
import { type KeyKindName, keyKinds } from "../../src/security/key-kind.ts"
import type { ParityPolicy } from "../../src/security/key-material.ts"
import { emptyKeyStore, type KeyStore } from "../../src/security/key-store.ts"
import { cmac } from "../../src/security/mac.ts"

const store = emptyKeyStore(alone(Buffer.alloc(32, 0x2b))) as KeyStore
let pools: Set<ArrayBufferLike>

beforeEach(() => {
  pools = new Set()
})

/** In memory of its own, so that it is not found itself. */
function alone(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

/** Does `what`, and notes the pools that its small buffers may lie in. */
function watched<A>(what: () => A): A {
  pools.add(Buffer.allocUnsafe(1).buffer)
  const result = what()
  pools.add(Buffer.allocUnsafe(1).buffer)
  return result
}

function isLeft(key: Uint8Array): boolean {
  return [...pools].some((pool) => Buffer.from(pool as ArrayBuffer).includes(key))
}

describe("nothing is left of a key", () => {
  it.each(Object.keys(keyKinds) as Array<KeyKindName>)("that was made for %s", (kind) => {
    const given: Array<Uint8Array> = []
    const random = (length: number) => {
      const bytes = alone(Buffer.alloc(length).map((_, at) => 7 * at + 11 * length + 3))
      given.push(bytes)
      return bytes
    }
    const context = { officers: ["ann", "bo"], wallMs: 0, random }
    watched(() => generateKey(store, "one", kind, context))
    expect(given[0]).toEqual(new Uint8Array(keyKinds[kind].length))
  })

  const parts = ["C3", "5A", "96"].map((byte, part) =>
    alone(Buffer.alloc(16, byte, "hex").map((each, at) => each ^ (at * 13) ^ part))
  )
  const sum = (count: number) =>
    alone(
      parts.slice(0, count).reduce((joined, part) => joined.map((each, at) => each ^ part[at]!))
    )

  const cases: ReadonlyArray<readonly [string, ParityPolicy, KeyKindName, string | undefined]> = [
    ["was joined", "ignore", "terminal-master", undefined],
    ["was joined and made odd", "adjust", "terminal-master", undefined],
    ["was refused for its check value", "ignore", "terminal-master", "000000"],
    ["was made odd and refused for its check value", "adjust", "terminal-master", "000000"],
    ["was refused for its parity", "require", "terminal-master", undefined],
    ["was refused for its length", "ignore", "mac-single", undefined]
  ]
  it.each(cases)("that %s", (_, parity, kind, checkValue) => {
    const context = {
      officers: ["ann", "bo", "cy"],
      wallMs: 0,
      random: (length: number) => alone(Buffer.alloc(length))
    }
    const given = { components: parts, parity, ...(checkValue === undefined ? {} : { checkValue }) }
    watched(() => importComponents(store, "one", kind, given, context))
    const whole = sum(3)
    expect(isLeft(whole)).toBe(false)
    expect(isLeft(sum(2))).toBe(false)
    expect(isLeft(whole.map(withOdd))).toBe(false)
  })

  it.each(
    [["block-protection", 32, "0100000000040100"], [
      "block-protection-tdes",
      16,
      "0100000000000080"
    ]] as const
  )("that came or went in a block under a %s, nor of what is derived", (...row) => {
    const [kind, length, input] = row
    const kek = alone(Buffer.alloc(length).map((_, at) => 29 * at + 0xa1))
    const random = (count: number) => alone(Buffer.alloc(count, 0x3c))
    const context = { officers: ["ann", "bo"], wallMs: 0, random }
    const components = [kek, alone(Buffer.alloc(length))]
    const given = { components, parity: "ignore" } as const
    const made = importComponents(store, "kek", kind, given, context)
    const { store: sharing } = made.result as KeyChange
    const key = alone(Buffer.alloc(16).map((_, at) => 53 * at + 0x17))
    const attributes = keyKinds.pin.attributes
    const version = length === 32 ? "D" : "B"
    const block = watched(() => wrapKeyBlock(kek, version, attributes, key, random)) as string
    const peer = { block, under: "kek", parity: "adjust" } as const
    const brought = watched(() => importBlock(sharing, "pin", "pin", peer, context))
    watched(() => exportBlock((brought.result as KeyChange).store, "pin", "kek", context))
    const cache = new CipherCache()
    const cipher = length === 32 ? "aes" : "tdes"
    const first = cmac(cache, kek, cipher, Buffer.from(input, "hex")) as Uint8Array
    const derived = alone(first)
    first.fill(0)
    expect([brought.audit.outcome, isLeft(key), isLeft(key.map(withOdd))]).toEqual([
      "done",
      false,
      false
    ])
    expect([isLeft(kek), isLeft(derived)]).toEqual([false, false])
  })

  it("that single DES doubles", () => {
    const key = alone(Buffer.from("5EC2E7A1B3D5F708", "hex"))
    const doubled = new Uint8Array(new ArrayBuffer(16))
    doubled.set(key)
    doubled.set(key, 8)
    const block = alone(Buffer.alloc(8))
    const there = watched(() => encryptBlocks("tdes", key, block))
    watched(() => decryptBlocks("tdes", key, there))
    expect(isLeft(doubled)).toBe(false)
  })
})

function withOdd(byte: number): number {
  const bits = byte.toString(2).replaceAll("0", "").length
  return bits % 2 === 1 ? byte : byte ^ 1
}
