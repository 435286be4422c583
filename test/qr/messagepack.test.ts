/** MessagePack from outside: what is sound is read as it was written, all else is refused by name. */

import fc from "fast-check"
import { pack, Packr } from "msgpackr"
import { assert, describe, it } from "vitest"
import { frameLimits, scanMessagePack } from "../../src/qr/messagepack-scan.ts"
import { decodeMessagePack, encodeMessagePack } from "../../src/qr/messagepack.ts"

const limits = frameLimits

function fault(bytes: Uint8Array): string {
  const result = decodeMessagePack(bytes, limits)
  return result._tag === "refused" ? result.fault : "value"
}

function nested(depth: number): Buffer {
  const maps = Buffer.alloc(depth * 3)
  for (let index = 0; index < depth; index++) maps.set([0x81, 0xa1, 0x61], index * 3)
  return Buffer.concat([maps, Buffer.from([0xc0])])
}

describe("what we send", () => {
  it("has integers where its schema says so, also those that take more than 32 bits", () => {
    const bytes = encodeMessagePack({
      timeMs: 1_795_770_693_250,
      amount: 999_999_999_999,
      small: 7
    })
    assert.equal(
      Buffer.from(bytes).toString("hex"),
      Buffer.concat([
        Buffer.from([0x83, 0xa6]),
        Buffer.from("timeMs"),
        Buffer.from([0xd3]),
        bigBytes(1_795_770_693_250n),
        Buffer.from([0xa6]),
        Buffer.from("amount"),
        Buffer.from([0xd3]),
        bigBytes(999_999_999_999n),
        Buffer.from([0xa5]),
        Buffer.from("small"),
        Buffer.from([7])
      ]).toString("hex")
    )
  })

  it("comes back as it was, whatever its size", () => {
    for (const value of [0, -1, 2 ** 32, -(2 ** 40), Number.MAX_SAFE_INTEGER, 0.5]) {
      for (const whole of [new Map([["n", value]]), new Map([["m", new Map([["n", value]])]])]) {
        assert.deepEqual(decodeMessagePack(encodeMessagePack(whole), limits), {
          _tag: "value",
          value: whole
        })
      }
    }
  })
})

function bigBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

describe("the scan", () => {
  it("refuses a map nested a thousand deep", () => {
    assert.equal(fault(nested(1000)), "too-deep")
    assert.equal(fault(nested(limits.maxDepth)), "value")
    assert.equal(fault(nested(limits.maxDepth + 1)), "too-deep")
  })

  it("refuses a hundred thousand keys from the head alone", () => {
    const head = Buffer.from([0xdf, 0x00, 0x01, 0x86, 0xa0])
    assert.equal(fault(head), "too-many-entries")
    const claims = Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff])
    assert.equal(fault(claims), "too-many-entries")
  })

  it("refuses what is longer than the limit without looking inside", () => {
    assert.equal(fault(Buffer.alloc(limits.maxBytes + 1)), "too-long")
  })

  it("allocates nothing for a bomb", () => {
    const bomb = nested(1000)
    const result = scanMessagePack(bomb, limits)
    assert.deepEqual(result, { _tag: "refused", fault: "too-deep", offset: limits.maxDepth * 3 })
  })

  it("refuses extensions, the reserved head, and record structures of msgpackr", () => {
    assert.equal(fault(Buffer.from([0xd4, 0x01, 0x00])), "extension")
    assert.equal(fault(Buffer.from([0xc7, 0x01, 0xff, 0x00])), "extension")
    assert.equal(fault(Buffer.from([0xc1])), "reserved")
    assert.equal(fault(pack(new Date(0))), "extension")
    assert.equal(fault(new Packr().pack({ a: 1 })), "extension")
  })

  it("refuses keys that are not text, keys that come twice, and text that is not UTF-8", () => {
    assert.equal(fault(Buffer.from([0x81, 0x01, 0x01])), "key-not-text")
    assert.equal(fault(Buffer.from([0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2])), "key-twice")
    assert.equal(fault(Buffer.from([0xa1, 0xff])), "text-not-utf8")
  })

  it("refuses numbers that a JavaScript number cannot hold", () => {
    assert.equal(fault(Buffer.from("cf0020000000000000", "hex")), "number-unsafe")
    assert.equal(fault(Buffer.from("d3ffe0000000000000", "hex")), "number-unsafe")
    assert.deepEqual(decodeMessagePack(Buffer.from("cf001fffffffffffff", "hex"), limits), {
      _tag: "value",
      value: Number.MAX_SAFE_INTEGER
    })
    assert.deepEqual(decodeMessagePack(Buffer.from("d3ffe0000000000001", "hex"), limits), {
      _tag: "value",
      value: Number.MIN_SAFE_INTEGER
    })
  })

  it("refuses bytes that end early or go on", () => {
    const whole = encodeMessagePack({ type: "hello", list: [1, 2, 3], proof: Buffer.alloc(32) })
    for (let length = 0; length < whole.length; length++) {
      assert.equal(fault(whole.subarray(0, length)), "truncated", `cut to ${length}`)
    }
    assert.equal(fault(Buffer.concat([whole, Buffer.from([0xc0])])), "trailing")
  })

  it("keeps a key called __proto__ an ordinary key", () => {
    const bytes = Buffer.from([0x81, 0xa9, ...Buffer.from("__proto__"), 0x81, 0xa1, 0x61, 0x01])
    const result = decodeMessagePack(bytes, limits)
    assert.ok(result._tag === "value" && result.value instanceof Map)
    assert.deepEqual([...result.value.keys()], ["__proto__"])
    assert.equal(({} as Record<string, unknown>)["a"], undefined)
  })
})

describe("any value", () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array({ maxLength: 300 })
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, tie("list"), tie("map")),
    list: fc.array(tie("value"), { maxLength: 6 }),
    map: fc.uniqueArray(fc.tuple(fc.string({ unit: "grapheme" }), tie("value")), {
      maxLength: 6,
      selector: ([key]) => key
    }).map((pairs) => new Map(pairs))
  }))

  it("that we write is read back the same", () => {
    fc.assert(
      fc.property(value, (written) => {
        // The generator's own type is unknown; it makes exactly the kinds that we encode.
        const bytes = encodeMessagePack(written as null)
        const result = decodeMessagePack(bytes, { ...limits, maxEntries: 100_000 })
        assert.ok(result._tag === "value", JSON.stringify(result))
        assert.deepEqual(normal(result.value), normal(written))
      }),
      { numRuns: 300 }
    )
  })

  it("of random bytes is read or refused, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = decodeMessagePack(bytes, limits)
        assert.ok(result._tag === "value" || result.offset <= bytes.length)
      }),
      { numRuns: 3000 }
    )
  })
})

/** Buffers and byte arrays look the same; -0 and 0 are one number on the wire. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") }
  if (value instanceof Map) return [...value].map(([key, each]) => [key, normal(each)])
  if (Array.isArray(value)) return value.map(normal)
  return value === 0 ? 0 : value
}
