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

  it("knows of every head how much follows it", () => {
    const numbers = { c0: 0, c2: 0, c3: 0, ca: 4, cb: 8, cc: 1, cd: 2, ce: 4, cf: 8 }
    const signed = { d0: 1, d1: 2, d2: 4, d3: 8 }
    const lengths = { c4: 1, c5: 2, c6: 4, d9: 1, da: 2, db: 4, dc: 2, dd: 4, de: 2, df: 4 }
    const pair = (index: number) => [0xa1, 0x30 + index, 0x07]
    const filled = (head: number, count: number): Array<number> => {
      const kind = head.toString(16)
      if (/^(?:8.|d[ef])$/.test(kind)) {
        return Array.from({ length: count }, (_, n) => pair(n)).flat()
      }
      // Elements of an array take two bytes each, those of a text one.
      return Array.from(
        { length: count },
        () => /^(?:9.|d[cd])$/.test(kind) ? [0xcc, 0x20] : [0x20]
      )
        .flat()
    }
    const wholes = Object.entries({ ...numbers, ...signed }).map(([head, width]) =>
      Buffer.from([parseInt(head, 16), ...Array<number>(width).fill(0)])
    )
    for (const [text, width] of Object.entries(lengths)) {
      const head = parseInt(text, 16)
      const length = Buffer.from([0, 0, 0, 40]).subarray(4 - width)
      wholes.push(Buffer.from([head, ...length, ...filled(head, 40)]))
    }
    for (let head = 0; head < 0x100; head++) {
      if (head >= 0xc0 && head < 0xe0) continue
      const count = head < 0x80 || head >= 0xe0 ? 0 : head < 0xa0 ? head & 0x0f : head & 0x1f
      wholes.push(Buffer.from([head, ...filled(head, count)]))
    }
    for (const whole of wholes) {
      const head = whole.toString("hex", 0, 1)
      assert.equal(fault(whole), "value", head)
      assert.equal(fault(whole.subarray(0, -1)), "truncated", head)
      assert.equal(fault(Buffer.concat([whole, Buffer.of(0)])), "trailing", head)
    }
    for (const head of [0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8]) {
      assert.equal(fault(Buffer.of(head, ...Array<number>(40).fill(0))), "extension")
    }
  })

  it("takes as much as its limits say, all levels together, and no more", () => {
    const list = (count: number) => Buffer.from([0xdc, count >> 8, count & 0xff])
    const nils = (count: number) => Buffer.alloc(count, 0xc0)
    const sized = (count: number) => Buffer.concat([list(count), nils(count)])
    assert.equal(fault(sized(limits.maxEntries)), "value")
    assert.equal(fault(sized(limits.maxEntries + 1)), "too-many-entries")
    const inner = (count: number) => Buffer.concat([Buffer.of(0x92), sized(count), Buffer.of(0xc0)])
    assert.equal(fault(inner(limits.maxEntries - 2)), "value")
    assert.equal(fault(inner(limits.maxEntries - 1)), "too-many-entries")
    const bytes = Buffer.alloc(limits.maxBytes)
    bytes.set([0xc6, 0x00, 0x00, 0xff, 0xfb])
    assert.equal(fault(bytes), "value")
    const deepest = 64
    const deep = { ...limits, maxDepth: 100 }
    assert.equal(scanMessagePack(nested(deepest), deep)._tag, "sound")
    assert.deepEqual(scanMessagePack(nested(deepest + 1), deep), {
      _tag: "refused",
      fault: "too-deep",
      offset: deepest * 3
    })
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
    for (
      const text of ["a1ff", "a180", "d901ff", "da0001ff", "db00000001ff", "a2c3a9", "a3c3a980"]
    ) {
      const wanted = text === "a2c3a9" ? "value" : "text-not-utf8"
      assert.equal(fault(Buffer.from(text, "hex")), wanted, text)
    }
    for (let head = 0; head < 0x100; head++) {
      if ((head >= 0xa0 && head < 0xc0) || (head >= 0xd9 && head < 0xdc)) continue
      assert.equal(fault(Buffer.from([0x81, head, ...Buffer.alloc(20)])), "key-not-text")
    }
    for (const key of ["a161", "d90161", "da000161", "db0000000161"]) {
      assert.equal(fault(Buffer.from(`81${key}07`, "hex")), "value", key)
    }
  })

  it("refuses numbers that a JavaScript number cannot hold", () => {
    assert.equal(fault(Buffer.from("cf0020000000000000", "hex")), "number-unsafe")
    assert.equal(fault(Buffer.from("d3ffe0000000000000", "hex")), "number-unsafe")
    const unsafe = ["cfffffffffffffffff", "cfffe0000000000001", "d38000000000000000"]
    for (const number of [...unsafe, "d3ffdfffffffffffff", "d30020000000000000"]) {
      assert.equal(fault(Buffer.from(number, "hex")), "number-unsafe", number)
    }
    assert.equal(fault(Buffer.from("d3ffe0000100000000", "hex")), "value")
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
