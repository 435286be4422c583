/** Values in the order in which they were set: they say what the same steps on an object would. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ValueList } from "../../src/iso8583/value-list.ts"

const path = fc.constantFrom("4", "11", "37", "60.2", "64")

describe("a list of values", () => {
  it("says what an object with the same history says", () => {
    const step = fc.tuple(path, fc.option(fc.string(), { nil: undefined }))
    fc.assert(fc.property(fc.array(step), fc.array(step), (before, taken) => {
      const list = new ValueList()
      const object: Record<string, string | undefined> = {}
      for (const [at, value] of before) {
        object[at] = value
        if (value === undefined) list.drop(at)
        else list.set(at, value)
      }
      const others = Object.fromEntries(taken)
      list.take(others)
      Object.assign(object, others)
      for (const at of ["4", "11", "37", "60.2", "64"]) {
        expect(list.text(at)).toBe(object[at])
        expect(list.get(at)).toBe(object[at])
      }
    }))
  })
})
