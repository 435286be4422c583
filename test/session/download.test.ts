/** Parameters that terminals download, block after block, as their group has them. */

import { expect, it } from "vitest"
import { compileParameters } from "../../src/config/parameter-file.ts"
import type { ParameterSet } from "../../src/domain/parameters.ts"
import { message } from "./messages.ts"
import { Place } from "./place.ts"

function compiled(source: unknown): ParameterSet {
  const set = compileParameters(source)
  if ("by" in set) return set
  throw new Error(JSON.stringify(set))
}

const set = compiled({
  by: "70",
  path: "62",
  codes: { "360": ["first", "second", { hex: "7468697264" }], "372": ["only"] }
})

function asked(place: Place, code: string, held?: string): unknown {
  const caller = place.connect()
  const fields = { 70: code, ...(held === undefined ? {} : { 62: held }) }
  caller.say(message("T0000001", "0800", fields))
  place.settle()
  expect(caller.last()).toMatchObject({ 39: "00" })
  return caller.last()?.["62"]
}

it("come one by one, and say whether more follow", () => {
  const place = new Place({ hooks: { parameters: (group) => group === "json" ? set : undefined } })
  expect(asked(place, "360")).toBe("2first")
  expect(asked(place, "360", "101")).toBe("2second")
  expect(asked(place, "360", "102")).toBe("3third")
  expect(asked(place, "360", "103")).toBe("0")
  expect(asked(place, "360", "rubbish")).toBe("2first")
  expect(asked(place, "372")).toBe("1only")
})

it("are none where the group has none, and the download is answered all the same", () => {
  const place = new Place({ hooks: { parameters: () => undefined } })
  expect(asked(place, "360")).toBeUndefined()
})

it("are refused by name when their file is wrong", () => {
  const faults = compileParameters({ by: "x", codes: { "1": [], "2": [{ hex: "0" }, "a"] } })
  expect("by" in faults ? [] : faults.map(({ path }) => path)).toEqual([
    "by",
    "path",
    "codes.1",
    "codes.2[0]"
  ])
})
