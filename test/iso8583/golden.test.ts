/** The golden messages of every shipped dialect, byte for byte, and the doctor on each of them. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { compileFraming } from "../../src/frame/compile.ts"
import { describe as rowsOf } from "../../src/iso8583/describe.ts"
import { doctor } from "../../src/iso8583/doctor.ts"
import { folder, golden, goldenOf } from "../golden/messages.ts"
import { dialect, read } from "./shipped.ts"

const root = join(import.meta.dirname, "../..")
const shipped = readdirSync(join(root, "config/dialects")).map((file) => file.replace(".yaml", ""))
const dialects = new Map(shipped.map((name) => [name, dialect(name)]))
const framings = readdirSync(join(root, "config/framings")).flatMap((file) => {
  const framing = compileFraming(parse(readFileSync(join(root, "config/framings", file), "utf8")))
  return "deframer" in framing ? [framing] : []
})
const length2 = framings.find(({ name }) => name === "length2")!

describe("golden messages", () => {
  it("are there for every shipped dialect", () => {
    expect(Object.keys(golden).sort()).toEqual(shipped.sort())
  })

  it.each(shipped)("of %s are what the dialect makes, and so are their twins", (name) => {
    const made = goldenOf(dialects.get(name)!)
    expect(made.hex).toBe(readFileSync(join(folder, `${name}.hex`), "utf8"))
    expect(made.twin).toBe(readFileSync(join(folder, `${name}.txt`), "utf8"))
  })

  it.each(shipped)("of %s are recognised by the doctor, bare and in a frame", (name) => {
    const lines = readFileSync(join(folder, `${name}.hex`), "utf8").trim().split("\n")
    for (const line of lines) {
      const body = Buffer.from(line, "hex")
      const [bare] = doctor(body, [...dialects.values()], framings)
      expect([bare!.dialect, bare!.framing]).toEqual([name, undefined])
      // Whichever dialect is asked first.
      const [again] = doctor(body, [...dialects.values()].toReversed(), framings)
      expect([again!.dialect, again!.framing]).toEqual([name, undefined])
      const framed = length2.encode(length2.requestHeader(), body)!
      const [whole] = doctor(framed, [...dialects.values()], framings)
      expect([whole!.dialect, whole!.framing]).toEqual([name, "length2"])
    }
  })

  /**
   * Dialects to which the golden messages of another say the same, byte for byte: with neither PIN
   * block nor serial number nobody can tell. The doctor names the one that needs no serial number.
   */
  const twinDialects: Readonly<Record<string, ReadonlyArray<string>>> = {
    "pos-nac": ["pos-dukpt", "pos-dukpt-aes"]
  }

  it.each(shipped)("of %s say the same in no other dialect but its twins", (name) => {
    const lines = readFileSync(join(folder, `${name}.hex`), "utf8").trim().split("\n")
    for (const line of lines) {
      const body = Buffer.from(line, "hex")
      const said = rowsOf(read(dialects.get(name)!, line))
      const alike = [...dialects.values()].filter((each) => {
        const message = each.read(body)
        return !("failure" in message) && isDeepStrictEqual(rowsOf(message), said)
      })
      const names = alike.map((each) => each.name).sort()
      expect(names).toEqual([name, ...(twinDialects[name] ?? [])].sort())
      const ranks = doctor(body, [...dialects.values()], framings)
        .filter((each) => each.framing === undefined && names.includes(each.dialect))
        .map((each) => each.dialect)
      expect(ranks[0]).toBe(name)
      // Its twins stay in the order in which they were asked.
      const rest = [...dialects.keys()].filter((each) => each !== name && names.includes(each))
      expect(ranks.slice(1)).toEqual(rest)
    }
  })

  /** Framings whose frames are the same bytes as another's: nobody can tell. */
  const twins: Readonly<Record<string, string>> = { length4: "gicc", vmlh: "cs" }

  it.each(shipped)("of %s are recognised by the doctor in every framing", (name) => {
    const lines = readFileSync(join(folder, `${name}.hex`), "utf8").trim().split("\n")
    for (const line of lines) {
      for (const framing of framings) {
        const framed = framing.encode(framing.requestHeader(), Buffer.from(line, "hex"))
        // A body with the byte that ends a frame has no such frame.
        if (framed === undefined) continue
        const [best] = doctor(framed, [...dialects.values()], framings)
        expect([framing.name, best!.dialect, best!.fault]).toEqual([framing.name, name, undefined])
        expect([framing.name, twins[framing.name] ?? framing.name]).toContain(best!.framing)
      }
    }
  })
})
