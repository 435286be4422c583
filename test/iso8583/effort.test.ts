/**
 * No input takes more than its length's worth of work. Work is counted, not timed: the engine counts
 * how often every block of the codec and its rooms ran (precise coverage), and twice the bytes may
 * cost little more than twice the steps. What is allocated on the road is measured too.
 */

import { Session } from "node:inspector"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { beforeAll, describe, expect, it } from "vitest"
import { diff } from "../../src/iso8583/compare.ts"
import { describe as rowsOf } from "../../src/iso8583/describe.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import { documentOf, encodeDocument } from "../../src/iso8583/document.ts"
import { framing, framingNames } from "../frame/framings.ts"
import { compiled, dialect } from "./shipped.ts"

const session = new Session()
session.connect()
session.post("Profiler.enable")
session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })

/** Blocks of our own sources that ran since the last call. */
function steps(): number {
  let count = 0
  session.post("Profiler.takePreciseCoverage", (error, answer) => {
    if (error !== null) throw error
    for (const { functions, url } of answer.result) {
      if (!/src\/(?:iso8583|frame|qr|domain)\//.test(url)) continue
      for (const { ranges } of functions) for (const range of ranges) count += range.count
    }
  })
  return count
}

function stepsOf(run: () => void): number {
  steps()
  run()
  return steps()
}

/** A dialect whose fields hold as much as a message can, one of each kind of layout. */
const wide = compiled({
  dialect: "wide",
  mti: { encoding: "ascii" },
  bitmap: { encoding: "hex", bits: 128 },
  shapes: {
    b: { type: "b", max: 65_000, prefix: { width: 5, counts: "bytes" } },
    text: { type: "ans", max: 65_000, prefix: { width: 5, counts: "bytes" } }
  },
  fields: {
    2: { is: "text", mask: "pan" },
    3: { is: "text", mask: "track" },
    4: { type: "n", encoding: "bcd", max: 99_999, prefix: { width: 5 } },
    35: { type: "z", max: 65_000, prefix: { width: 5 }, layout: "track-2" },
    39: { type: "ans", length: 2 },
    43: { is: "text", encoding: "gbk" },
    44: { is: "text", layout: "positional", short: true, parts: [{ length: 2 }, { rest: true }] },
    48: {
      is: "b",
      layout: "tlv",
      tag: { width: 2, encoding: "binary" },
      tagLength: { width: 1, encoding: "binary" },
      tags: {
        "71": { layout: "bitmapped", bitmap: { bits: 8 }, parts: [{ id: "1", length: 1 }] },
        "72": { layout: "ber-tlv" }
      }
    },
    54: { type: "b", encoding: "hex", max: 30_000, prefix: { width: 5 }, layout: "ber-tlv" },
    55: { is: "b", layout: "ber-tlv" },
    59: { is: "text", layout: "cup-59" }
  },
  otherwise: { is: "text" },
  messages: { "0200": { response: "0210" }, "0210": {} },
  echo: [2, 48, 55],
  roles: { pan: ["2", "35.pan"], terminal: "44.1", payCode: "2", response: "39" },
  kinds: [{ kind: "sale", mti: "0200", when: { "55.9F02": "1", "59.A3": "present" } }],
  key: ["pan", "terminal", "class"],
  reversal: { mti: "0200" }
})

const nested = (depth: number): string => {
  let inner = "9F0200"
  for (let level = 0; level < depth; level++) {
    inner = `70${(inner.length / 2).toString(16).padStart(2, "0")}${inner}`
  }
  return inner.toUpperCase()
}

/** What one field is filled with, again and again; texts as they are, bytes in hex. */
const fillings: ReadonlyArray<readonly [string, string, string]> = [
  ["text where a card number belongs, ending in no digit", "2", "1x"],
  ["digits where a card number belongs", "2", "1"],
  ["anything where a track belongs", "3", ";1="],
  ["packed digits", "4", "12"],
  ["a track of separators", "35", "="],
  ["a track of digits", "35", "7"],
  ["GBK", "43", "店a"],
  ["a part that takes the rest", "44", "ab"],
  ["empty tags", "48", "0100"],
  ["the same tag with a value", "48", "0203414243"],
  ["datasets", "48", "71028041"],
  ["chip data in datasets", "48", "72039F0200"],
  ["chip data in hex", "54", "9F0200"],
  ["chip data of empty tags", "55", "9F0200"],
  ["chip data of tags of one byte", "55", "8200"],
  ["chip data of fill", "55", "00"],
  ["templates", "55", nested(7)],
  ["long tags that nobody knows", "55", "DFFFFF0100"],
  ["texts of field 59", "59", "EF0101AB"],
  ["codes of field 59", "59", "A3001x"],
  ["a field that nobody defined", "60", "y"]
]

function filled(path: string, piece: string, size: number): Buffer {
  const count = Math.max(1, Math.trunc(size / piece.length))
  const made = wide.encode("0200", { [path]: piece.repeat(count), "44": "T1", "99": "end" })
  // A field of its own may stand where 44 does.
  if (!(made instanceof Uint8Array)) throw new Error(`${made.path} ${made.problem}`)
  return made
}

/** Everything anybody does with a message. */
function everything(spoken: CompiledDialect, bytes: Buffer): void {
  const message = spoken.read(bytes)
  if ("failure" in message) {
    spoken.salvage(bytes)
    return
  }
  message.kind()
  spoken.transactionKey(message)
  rowsOf(message)
  encodeDocument(spoken, documentOf(message))
  spoken.patch(message, { set: { "99": "99" } })
  const answer = spoken.read(spoken.respond(message, "00", {}, false))
  if (!("failure" in answer)) diff(message, answer)
}

/** Twice the bytes: at most this times the steps. */
const doubling = 2.3
const small = 3000

describe("twice the bytes cost twice the steps", () => {
  it("the steps are counted", () => {
    const bytes = filled("55", "9F0200", small)
    const once = stepsOf(() => wide.read(bytes))
    expect(once).toBeGreaterThan(bytes.length / 3)
    const twice = stepsOf(() => [wide.read(bytes), wide.read(bytes)])
    expect(twice / once).toBeCloseTo(2, 1)
  })

  it.each(fillings)("%s, whole and broken in its last bytes", (_, path, piece) => {
    const [one, two] = [filled(path, piece, small), filled(path, piece, 2 * small)]
    for (const cut of [0, 1, 9]) {
      const less = stepsOf(() => everything(wide, one.subarray(0, one.length - cut)))
      const more = stepsOf(() => everything(wide, two.subarray(0, two.length - cut)))
      expect([cut, more <= doubling * less + 500]).toEqual([cut, true])
    }
  })

  it("two messages that differ in every one of thousands of tags", () => {
    const pair = (size: number) =>
      ["9F020101", "9F020102"].map((piece) => {
        const message = wide.read(filled("55", piece, size))
        if ("failure" in message) throw new Error(message.path)
        return message
      })
    const [one, other] = pair(small)
    const [two, another] = pair(2 * small)
    const less = stepsOf(() => diff(one!, other!))
    expect(stepsOf(() => diff(two!, another!))).toBeLessThan(doubling * less)
  })

  it("the longest message of a shipped dialect is no exception", () => {
    const spoken = dialect("iso2003-ascii")
    const message = (size: number) =>
      spoken.build("2200", {
        "3": "000000",
        "4": "1562000000000100",
        "11": "1",
        "12": "20261126134400",
        "41": "1",
        "43": "x".repeat(size),
        "55": "9F0200".repeat(size / 10)
      })
    const less = stepsOf(() => everything(spoken, message(2000)))
    expect(stepsOf(() => everything(spoken, message(4000)))).toBeLessThan(doubling * less)
  })

  it.each(framingNames)("frames of %s, whole and byte by byte", (name) => {
    const shape = framing(name)
    const sink = { onFrame: () => {}, onKeepAlive: () => {} }
    const feed = (size: number, pieces: number) => () => {
      const frame = shape.encode(shape.requestHeader(), Buffer.alloc(size, 0x41))!
      const deframer = shape.deframer(65_000)
      for (let at = 0; at < frame.length; at += pieces) {
        deframer.push(frame.subarray(at, at + pieces), sink)
      }
    }
    for (const pieces of [1, 7, 100_000]) {
      const less = stepsOf(feed(2000, pieces))
      expect(stepsOf(feed(4000, pieces))).toBeLessThan(doubling * less + 100)
    }
  })
})

describe("what is allocated", () => {
  // Counting takes the optimiser away, and memory of its own.
  beforeAll(() => session.post("Profiler.stopPreciseCoverage"))
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const used = () => {
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }

  /** Bytes for each of many runs; the least of several windows, since others allocate too. */
  function allocated(run: () => void): number {
    const runs = 20
    let least = Infinity
    for (let window = 0; window < 5; window++) {
      collect()
      const before = used()
      for (let each = 0; each < runs; each++) run()
      least = Math.min(least, used() - before)
    }
    return least / runs
  }

  it.each(fillings)("to read %s is less than the message and a constant", (_, path, piece) => {
    const bytes = filled(path, piece, 4 * small)
    for (const cut of [0, 1]) {
      const input = bytes.subarray(0, bytes.length - cut)
      const size = allocated(() => {
        const message = wide.read(input)
        if ("failure" in message) wide.salvage(input)
      })
      expect(size).toBeLessThan(bytes.length + 8192)
    }
  })

  it("for a frame that was declared and never came is nothing", () => {
    const length4 = framing("length4")
    const sink = { onFrame: () => {}, onKeepAlive: () => {} }
    const head = Buffer.from([0, 0, 0xff, 0xff])
    expect(allocated(() => {
      length4.deframer(65_535).push(head, sink)
    })).toBeLessThan(2048)
  })
})
