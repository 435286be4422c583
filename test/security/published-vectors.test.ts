/** The list of published vectors, run; its counts are fixed, so that a missing one shows. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { compileFraming } from "../../src/frame/compile.ts"
import { compileDialect } from "../../src/iso8583/compile.ts"
import { root } from "../cli/process.ts"
import { publishedVectors } from "./published-vectors.ts"

describe("published vectors", () => {
  it.each(publishedVectors.map((each) => [each.section, each.name, each] as const))(
    "%s %s",
    (_, _name, { made, published }) => expect(made()).toBe(published)
  )

  it("are all of them", () => {
    const counts: Record<string, number> = {}
    for (const { section } of publishedVectors) counts[section] = (counts[section] ?? 0) + 1
    expect(counts).toEqual({
      "1.8": 5,
      "1.9": 21,
      "5.1": 11,
      "5.2": 10,
      "5.3": 25,
      "5.4": 14,
      "5.5": 3,
      "5.6": 6,
      "5.7": 3
    })
    const names = publishedVectors.map(({ name, section }) => `${section} ${name}`)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe("the published answer whose lengths are wrong (1.8)", () => {
  const read = (folder: string, name: string) =>
    parse(readFileSync(join(root, "config", folder, `${name}.yaml`), "utf8"))
  const dialect = compileDialect(read("dialects", "cup-pos"), 1)
  if (!("index" in dialect)) throw new Error("cup-pos does not compile")
  const keys = Buffer.alloc(40, 0x5a)
  const values = { "11": "000001", "39": "00", "41": "12345678", "62": keys }
  const body = dialect.build("0810", values)

  it("declares 80 bytes of keys where there are 40, and is not read beyond its end", () => {
    const right = dialect.read(body)
    expect("failure" in right).toBe(false)
    const wrong = Buffer.from(body)
    const length = wrong.indexOf(keys) - 2
    expect(wrong.subarray(length, length + 2).toString("hex")).toBe("0040")
    wrong.writeUInt16BE(0x0080, length)
    expect("failure" in dialect.read(wrong)).toBe(true)
  })

  it("declares 123 bytes of frame where there are 126, and the rest is no frame", () => {
    const framing = compileFraming(read("framings", "cup-tpdu"))
    if (!("deframer" in framing)) throw new Error("cup-tpdu does not compile")
    const whole = framing.encode(framing.requestHeader(), body)!
    const short = Buffer.from(whole)
    short.writeUInt16BE(short.readUInt16BE(0) - 3, 0)
    const bodies: Array<Uint8Array> = []
    const sink = {
      onFrame: (_: Uint8Array, each: Uint8Array) => void bodies.push(Uint8Array.from(each)),
      onKeepAlive: () => {}
    }
    framing.deframer(8192).push(short, sink)
    expect(bodies).toHaveLength(1)
    expect("failure" in dialect.read(bodies[0]!)).toBe(true)
  })
})
