/** An estate as text: small however much each terminal may do, and the same for the same estate. */

import { expect, it } from "vitest"
import { configDigest, diffConfig } from "../../src/config/changes.ts"
import type { LoadedConfig } from "../../src/config/loaded.ts"
import { parseTerminals } from "../../src/config/terminals-file.ts"
import { terminalsText } from "../../src/config/terminals-text.ts"

function estate(count: number, change = ""): LoadedConfig["terminals"] {
  const lines = Array.from({ length: count }, (_, index) => `T${index},M1,${index % 7 + 1}`)
  const read = parseTerminals("t.csv", ["terminal,merchant,window", ...lines, change].join("\n"))
  if ("faults" in read) throw new Error(JSON.stringify(read.faults))
  return read
}

// Only what the comparison looks at.
const loaded = (terminals: LoadedConfig["terminals"]) =>
  ({ config: {}, digests: new Map(), terminals }) as unknown as LoadedConfig

it("says that a terminal may do everything in one character", () => {
  const text = terminalsText(estate(15_000))
  expect(text.length / 15_000).toBeLessThan(100)
  expect(parseTerminals("again.csv", text)).toEqual(estate(15_000))
})

it("compares estates of many terminals by what each may do", () => {
  const before = loaded(estate(15_000))
  expect(configDigest(loaded(estate(15_000)))).toBe(configDigest(before))
  const after = loaded(estate(15_000, "NEW,M1,1"))
  expect(configDigest(after)).not.toBe(configDigest(before))
  expect(diffConfig(before, after)).toEqual([
    { path: "terminals.NEW", what: "added", change: "live" }
  ])
})
