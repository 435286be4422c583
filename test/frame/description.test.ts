/** Every mistake in a framing description is named by its path, and all of them at once. */

import { describe, expect, it } from "vitest"
import { compiled, faultsOf } from "./framings.ts"

const good = { name: "x", length: { bytes: 2 } }

const mistakes: ReadonlyArray<readonly [string, unknown, string]> = [
  ["no mapping", 7, ""],
  ["a list", [], ""],
  ["neither length nor terminator", { name: "x" }, ""],
  ["both", { ...good, terminator: "03" }, ""],
  ["an unknown key", { ...good, lenght: 1 }, "lenght"],
  ["an unknown key inside", { ...good, length: { bytes: 2, width: 1 } }, "length.width"],
  ["no name", { length: { bytes: 2 } }, "name"],
  ["no width", { name: "x", length: {} }, "length.bytes"],
  ["seven bytes", { name: "x", length: { bytes: 7 } }, "length.bytes"],
  [
    "an encoding of its own",
    { name: "x", length: { bytes: 2, encoding: "octal" } },
    "length.encoding"
  ],
  [
    "a word for a boolean",
    { name: "x", length: { bytes: 2, inclusive: "yes" } },
    "length.inclusive"
  ],
  ["reserved bytes unquoted", { name: "x", length: { bytes: 2, after: 0 } }, "length.after"],
  ["half a byte", { name: "x", length: { bytes: 2, before: "000" } }, "length.before"],
  ["two terminators", { name: "x", terminator: "0D0A" }, "terminator"],
  ["a trailer behind a terminator", { name: "x", terminator: "03", trailer: "03" }, "trailer"],
  [
    "no trailer to count",
    { name: "x", length: { bytes: 2, countsTrailer: true } },
    "length.countsTrailer"
  ],
  ["a header that is no list", { ...good, header: {} }, "header"],
  ["nine parts", { ...good, header: Array.from({ length: 9 }, () => part({})) }, "header"],
  ["a part without name", { ...good, header: [part({ name: undefined })] }, "header[0].name"],
  [
    "a part without fresh bytes",
    { ...good, header: [part({ fresh: undefined })] },
    "header[0].fresh"
  ],
  [
    "fresh bytes of another length",
    { ...good, header: [part({ fresh: "60" })] },
    "header[0].fresh"
  ],
  [
    "a count that counts wrong",
    { ...good, header: [part({ bytes: "counted" })] },
    "header[0].fresh"
  ],
  ["a swap beyond", { ...good, header: [part({ swap: { at: 2, bytes: 2 } })] }, "header[0].swap"],
  [
    "a swap without place",
    { ...good, header: [part({ swap: { bytes: 2 } })] },
    "header[0].swap.at"
  ],
  [
    "a total beyond",
    { ...good, header: [part({ total: { at: 4, bytes: 2 } })] },
    "header[0].total"
  ],
  ["a reply of its own", { ...good, header: [part({ reply: "maybe" })] }, "header[0].reply"],
  ["keep-alives without end", { ...good, keepAlive: { reply: "echo" } }, "keepAlive.max"],
  ["keep-alives without answer", { ...good, keepAlive: { max: 3 } }, "keepAlive.reply"],
  ["nothing to look for", { ...good, resync: true }, "resync"],
  [
    "reserved bytes that nobody holds to",
    { name: "x", length: { bytes: 2, before: "D04A" }, resync: true },
    "resync"
  ],
  ["a mark in the body", marked({ at: 2, mask: "F0", value: "20" }), "keepAlive.marker.at"],
  ["a mark outside the mask", marked({ at: 0, mask: "F0", value: "21" }), "keepAlive.marker.value"],
  ["a mark without a mask", marked({ at: 0, value: "20" }), "keepAlive.marker.mask"],
  ["a mark of no bit", marked({ at: 0, mask: "00", value: "00" }), "keepAlive.marker.mask"],
  [
    "a mark that our own messages have",
    {
      name: "x",
      length: { bytes: 2, after: "0020" },
      keepAlive: { reply: "none", max: 1, marker: { at: 3, mask: "F0", value: "20" } }
    },
    "keepAlive.marker.value"
  ],
  [
    "a part of ours that does not begin as it must",
    { ...good, header: [part({ when: "4C5249" })] },
    "header[0].fresh"
  ]
]

function part(change: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { name: "tpdu", bytes: 5, fresh: "6000000000", ...change }
}

function marked(marker: unknown): unknown {
  return { ...good, keepAlive: { reply: "none", max: 1, marker } }
}

describe("a framing description", () => {
  for (const [what, source, path] of mistakes) {
    it(`names ${what}`, () => {
      expect(faultsOf(source).map((fault) => fault.path)).toEqual([path])
    })
  }

  it("names all its mistakes at once", () => {
    const faults = faultsOf({ length: { bytes: 0, encoding: "x" }, extra: 1 })
    expect(faults.map((fault) => fault.path).sort()).toEqual(
      ["extra", "length.bytes", "length.encoding", "name"]
    )
  })

  it("takes keys that look like prototypes for what they are", () => {
    const source: unknown = JSON.parse(`{"name":"x","length":{"bytes":2},"__proto__":{"a":1}}`)
    expect(faultsOf(source).map((fault) => fault.path)).toEqual(["__proto__"])
  })

  it("makes binary lengths where nothing is said", () => {
    expect(compiled(good).encode(Buffer.alloc(0), Buffer.from("A"))).toEqual(
      Buffer.from([0, 1, 65])
    )
  })
})
