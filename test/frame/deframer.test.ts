/** Any split of a stream gives the same frames; what is too much is refused before it is kept. */

import * as fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import { bytes, compiled, framing, framingNames, heard, hex } from "./framings.ts"

const maxFrameBytes = 1000

/** Cuts `stream` at the given places, empty pieces included. */
function cut(stream: Buffer, places: ReadonlyArray<number>): Array<Buffer> {
  const ends = places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b)
  return [...ends, stream.length].map((end, index) =>
    // A copy of its own, as a socket gives it: whoever reads beyond its end is caught.
    Buffer.from(stream.subarray(ends[index - 1] ?? 0, end))
  )
}

const places = fc.array(fc.nat(), { maxLength: 40 })

describe("a deframer", () => {
  for (const name of framingNames) {
    const shape = framing(name)

    it(`of ${name} gives back what was encoded, however it is split`, () => {
      const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 })
      fc.assert(
        fc.property(bodies, places, (given, cuts) => {
          const header = shape.requestHeader()
          const frames = given.map((body) => shape.encode(header, body))
          const sent = given.filter((_, index) => frames[index] !== undefined)
          const stream = Buffer.concat(frames.flatMap((frame) => frame ?? []))
          const events = heard(shape, cut(stream, cuts), maxFrameBytes)
          expect(events.map((event) => event.split("|")[1])).toEqual(sent.map(hex))
        }),
        { numRuns: 60, seed: 11 }
      )
    })

    it(`of ${name} hears the same in any bytes, however they are split`, () => {
      const whole = shape.encode(shape.requestHeader(), bytes("0800 00 11")) as Buffer
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 30 }),
        fc.constant(whole),
        fc.constant(new Uint8Array(whole.length - 1)),
        fc.constant(bytes("30303034")),
        fc.constant(bytes("0004"))
      )
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 6 }), places, (pieces, cuts) => {
          const stream = Buffer.concat(pieces)
          expect(heard(shape, cut(stream, cuts), 40)).toEqual(heard(shape, [stream], 40))
        }),
        { numRuns: 150, seed: 12 }
      )
    })
  }

  it("hands out views of a chunk that holds whole frames, and copies a split one once", () => {
    const shape = framing("length2")
    const seen: Array<Uint8Array> = []
    const sink = {
      onFrame: (_: Uint8Array, body: Uint8Array) => seen.push(body),
      onKeepAlive: () => {}
    }
    const deframer = shape.deframer(100)
    const chunk = bytes("0002 AABB 0003 CC")
    deframer.push(chunk, sink)
    deframer.push(bytes("DDEE 0001 FF"), sink)
    expect(seen.map(hex)).toEqual(["AABB", "CCDDEE", "FF"])
    expect(seen[0]?.buffer).toBe(chunk.buffer)
    chunk.fill(0)
    expect(hex(seen[1] as Uint8Array)).toBe("CCDDEE")
    const next = bytes("0001 AB")
    deframer.push(next, sink)
    expect(seen[3]?.buffer).toBe(next.buffer)
  })

  it("refuses a length above the limit from the length alone (M1)", () => {
    for (const [name, prefix] of [["length2", "03E9"], ["length4", "FFFFFFFF"]] as const) {
      expect(heard(framing(name), [bytes(prefix)], 1000)).toEqual(["!frame-too-long"])
    }
    expect(heard(framing("length2"), [bytes("03E8")], 1000)).toEqual(["+2"])
    const six = compiled({ name: "six", length: { bytes: 6 } })
    expect(heard(six, [bytes("0000FFFFFFFF"), bytes("00")], 10_000)).toEqual(["!frame-too-long"])
  })

  it("refuses a frame that never ends as soon as it is too long", () => {
    const chunks = Array.from({ length: 100 }, () => Buffer.alloc(40, 0x41))
    expect(heard(framing("base24"), chunks, 1000)).toEqual(["!frame-too-long"])
    expect(heard(framing("base24"), [Buffer.alloc(1000, 0x41), bytes("03")], 1000)).toHaveLength(1)
  })

  it("copies what trickles in a few times at most, also where no length says how much comes", () => {
    const copies = vi.spyOn(Buffer.prototype, "copy")
    const size = 20_000
    for (const name of ["base24", "length2"]) {
      copies.mockClear()
      const shape = framing(name)
      const frame = shape.encode(Buffer.alloc(0), Buffer.alloc(size, 0x41))!
      const chunks = Array.from(frame, (byte) => Buffer.of(byte))
      expect(heard(shape, chunks, 65_535)).toHaveLength(1)
      const copied = copies.mock.results.reduce((sum, { value }) => sum + (value as number), 0)
      expect(copied).toBeGreaterThanOrEqual(size)
      expect(copied).toBeLessThan(4 * size)
    }
    copies.mockRestore()
  })

  it("refuses what is no number, no reserved byte and no trailer of the framing", () => {
    const cases = [
      ["bcd2", "001A"],
      ["ascii4", "30302033"],
      ["hex4", "30303047"],
      ["amex", "0001"],
      ["gicc", "00010002AABB"],
      ["base24-tcp", "0003AABB04"]
    ] as const
    for (const [name, stream] of cases) {
      expect([name, heard(framing(name), [bytes(stream)])]).toEqual([name, ["!frame-length"]])
    }
  })

  it("stays failed, hands nothing out any more, and keeps nothing", () => {
    const keepAlive = { reply: "none", max: 1 }
    const etx = { name: "etx", terminator: "03", keepAlive }
    const two = { name: "two", length: { bytes: 2 }, keepAlive }
    const cases = [
      [framing("length2"), ["FFFF", "0001AA"], "frame-too-long"],
      [framing("length2"), ["FF", "FF", "0001AA"], "frame-too-long"],
      [framing("base24"), ["41".repeat(15), "41".repeat(6), "4203"], "frame-too-long"],
      [framing("base24"), [`${"41".repeat(21)}034203`, "4203"], "frame-too-long"],
      [framing("base24"), ["034203", "4203"], "frame-empty"],
      [framing("rbp"), ["00".repeat(11) + "D04A00010000AA", "D04A00010000AA"], "frame-length"],
      [compiled(etx), ["41".repeat(11) + "034203", "4203"], "frame-too-long"],
      [compiled(etx), ["03034203", "4203"], "frame-empty"],
      [compiled(two), ["000000000001AA", "0001AA"], "frame-empty"]
    ] as const
    for (const [shape, chunks, failure] of cases) {
      const frames: Array<string> = []
      const deframer = shape.deframer(10)
      const sink = {
        onFrame: (_: Uint8Array, body: Uint8Array) => frames.push(hex(body)),
        onKeepAlive: () => {}
      }
      const failures = chunks.map((chunk) => deframer.push(bytes(chunk), sink))
      expect([shape.name, failures.at(-1), frames, deframer.pendingBytes()])
        .toEqual([shape.name, failure, [], 0])
    }
  })
})

describe("a framing that finds its way back", () => {
  const rbp = framing("rbp")
  const good = "D04A 0002 0000 AABB"

  it("skips what is no frame up to the next mark, and shows it as one without a body", () => {
    for (
      const lost of ["00", "D0", "D04A0002 0100 AABB", "4A4A", "D04A FFFF 0000", "D04A 0000 0000"]
    ) {
      expect([lost, heard(rbp, [bytes(good + lost + good)], 100)]).toEqual([
        lost,
        ["|AABB", "|", "|AABB"]
      ])
    }
    // Bytes that may still become a mark are kept, others are not.
    expect(heard(rbp, [bytes(`${good}FFD0`)])).toEqual(["|AABB", "+1"])
    expect(heard(rbp, [bytes(`${good}FFD0FF`)])).toEqual(["|AABB"])
  })

  it("shows once what was lost, and what does not end as its frames do", () => {
    const ended = compiled({
      name: "ended",
      length: { bytes: 2, before: "D04A", strict: true },
      trailer: "0D0A",
      resync: true
    })
    const whole = "D04A 0001 AA 0D0A"
    for (const lost of ["D04A 0001 BB 0D0B", "D04A 0001 BB 0A0D", "00"]) {
      expect(heard(ended, [bytes(whole + lost + whole + whole)])).toEqual([
        "|AA",
        "|",
        "|AA",
        "|AA"
      ])
    }
  })

  it("gives up when it has skipped more than a frame may have", () => {
    expect(heard(rbp, [Buffer.alloc(100), bytes(good)], 100)).toEqual(["|", "|AABB"])
    expect(heard(rbp, [Buffer.alloc(101), bytes(good)], 100)).toEqual(["!frame-length"])
    const trickle = Array.from({ length: 300 }, () => bytes("00"))
    expect(heard(rbp, trickle, 100)).toEqual(["!frame-length"])
  })

  it("by its terminator drops one message that is too long, and not one without end", () => {
    const etx = bytes("03")
    const long = (size: number) => [Buffer.alloc(size, 0x41), etx, bytes("4203")]
    expect(heard(framing("base24"), long(100), 100)).toEqual([`|${"41".repeat(100)}`, "|42"])
    expect(heard(framing("base24"), long(150), 100)).toEqual(["|", "|42"])
    expect(heard(framing("base24"), [Buffer.concat(long(150))], 100)).toEqual(["|", "|42"])
    expect(heard(framing("base24"), long(200), 100)).toEqual(["|", "|42"])
    expect(heard(framing("base24"), long(201), 100)).toEqual(["!frame-too-long"])
  })
})

describe("a framing by length", () => {
  const keepAlive = { reply: "echo", max: 2 }

  it("keeps the line alive with a bare length, a few in a row", () => {
    const two = compiled({ name: "two", length: { bytes: 2 }, keepAlive })
    const row = ["alive>0000", "alive>0000"]
    expect(heard(two, [bytes("0000 0000 0001AA 0000 0000")])).toEqual([...row, "|AA", ...row])
    expect(heard(two, [bytes("0000 0000 0000")])).toEqual([...row, "!frame-empty"])
  })

  it("has a trailer that its length counts only where that is said", () => {
    const apart = compiled({ name: "apart", length: { bytes: 2 }, trailer: "03", keepAlive })
    const frame = apart.encode(Buffer.alloc(0), bytes("AABB")) as Buffer
    expect(hex(frame)).toBe("0002AABB03")
    expect(heard(apart, [frame, bytes("000003"), frame])).toEqual([
      "|AABB",
      "alive>000003",
      "|AABB"
    ])
    const length = { bytes: 2, inclusive: true, countsTrailer: true }
    const counted = compiled({ name: "counted", length, trailer: "03", keepAlive })
    const other = counted.encode(Buffer.alloc(0), bytes("AABB")) as Buffer
    expect(hex(other)).toBe("0005AABB03")
    expect(heard(counted, [other, bytes("0000"), other])).toEqual(["|AABB", "alive>0000", "|AABB"])
  })
})

describe("a framing by terminator", () => {
  const tpdu = { name: "tpdu", bytes: 5, fresh: "6000000000", swap: { at: 1, bytes: 2 } }
  const etx = (reply: "echo" | "none") =>
    compiled({ name: "etx", terminator: "03", header: [tpdu], keepAlive: { reply, max: 2 } })

  it("has a header as one by length has", () => {
    const shape = etx("none")
    const frame = shape.encode(shape.replyHeader(bytes("6000010002")), bytes("0800")) as Buffer
    expect(hex(frame)).toBe("6000020001080003")
    expect(heard(shape, [frame, bytes("600003")])).toEqual(["6000020001|0800", "6000|"])
  })

  it("keeps the line alive with a bare one, a few in a row", () => {
    const message = "6000010002080003"
    expect(heard(etx("echo"), [bytes(`0303 ${message} 0303`)])).toEqual([
      "alive>03",
      "alive>03",
      "6000010002|0800",
      "alive>03",
      "alive>03"
    ])
    expect(heard(etx("none"), [bytes("03")])).toEqual(["alive"])
    expect(heard(etx("echo"), [bytes("030303")])).toEqual(["alive>03", "alive>03", "!frame-empty"])
  })
})

describe("a header", () => {
  const base1 = { name: "b", bytes: "counted", fresh: "0B000000000000000000FF" }
  const vap = compiled({
    name: "v",
    length: { bytes: 2 },
    header: [{ ...base1, swap: { at: 5, bytes: 3 }, total: { at: 3, bytes: 2 } }]
  })

  it("that is too short for its addresses or its total is left as it is there", () => {
    expect(hex(vap.replyHeader(bytes("07010200FFAABB")))).toBe("07010200FFAABB")
    expect(hex(vap.replyHeader(bytes("0B01020000AABBCCDDEEFF")))).toBe("0B01020000DDEEFFAABBCC")
    const stamped = (header: string) => hex(vap.encode(bytes(header), bytes("0800")) as Buffer)
    expect(stamped("05010200FF")).toBe("000705010200070800")
    expect(stamped("040102FF")).toBe("0006040102FF0800")
  })

  it("that is cut short is all that its frame has, and leaves no body", () => {
    expect(heard(framing("length2-tpdu"), [bytes("0002 6000 0001 60")])).toEqual(["6000|", "60|"])
    expect(heard(vap, [bytes("0003 0B0102 0001 0B")])).toEqual(["0B0102|", "0B|"])
  })

  it("has its total in whichever of its parts", () => {
    const second = compiled({
      name: "second",
      length: { bytes: 2 },
      header: [
        { name: "a", bytes: 2, fresh: "6000" },
        { name: "b", bytes: 3, fresh: "AA0000", total: { at: 1, bytes: 2 } }
      ]
    })
    const frame = second.encode(second.requestHeader(), bytes("0800")) as Buffer
    expect(hex(frame)).toBe("00076000AA00070800")
  })

  it("whose total is too small for a message refuses it", () => {
    const small = compiled({
      name: "s",
      length: { bytes: 2 },
      header: [{ name: "h", bytes: 3, fresh: "AA0000", total: { at: 2, bytes: 1 } }]
    })
    const frame = small.encode(bytes("AA0000"), Buffer.alloc(252)) as Buffer
    expect(hex(frame.subarray(0, 5))).toBe("00FFAA00FF")
    expect(small.encode(bytes("AA0000"), Buffer.alloc(253))).toBeUndefined()
  })

  it("is not looked for beyond its frame", () => {
    const maybe = compiled({
      name: "m",
      length: { bytes: 1 },
      header: [{ name: "a", bytes: 1, fresh: "60" }, { name: "lri", bytes: 3, when: "4C52" }]
    })
    expect(heard(maybe, [bytes("02604C 52")], 100)).toEqual(["60|4C", "+1"])
    expect(heard(maybe, [bytes("05604C5211AA")], 100)).toEqual(["604C5211|AA"])
  })
})

describe("encoding", () => {
  it("refuses a body that the framing cannot carry", () => {
    const none = Buffer.alloc(0)
    expect(framing("ascii4").encode(none, Buffer.alloc(10_000))).toBeUndefined()
    expect(framing("ascii4").encode(none, Buffer.alloc(9999))).toBeDefined()
    expect(framing("amex").encode(none, Buffer.alloc(65_534))).toBeUndefined()
    expect(framing("amex").encode(none, Buffer.alloc(65_533))).toBeDefined()
    expect(framing("base24-tcp").encode(none, Buffer.alloc(65_535))).toBeUndefined()
    expect(framing("base24").encode(none, bytes("41034203"))).toBeUndefined()
    expect(framing("length2").encode(none, none)).toBeUndefined()
  })
})
