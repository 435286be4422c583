/** What a process wipes at its end, beyond what the search of a whole switch's memory would hit. */

import { execFileSync } from "node:child_process"
import { describe, expect, it } from "vitest"

/** Leaves a mark where msgpackr writes, and tells when all is wiped whether it is there still. */
const program = `
  import { Packr } from "msgpackr"
  import { wipeAtEnd } from "./src/cli/memory-wipe.ts"
  const packer = new Packr()
  wipeAtEnd()
  packer.pack("canary".repeat(100))
  process.once("exit", () => {
    const kept = Buffer.from(packer.pack(1).buffer)
    process.stdout.write(kept.includes("canary".repeat(9)) ? "left" : "gone")
  })
`

describe("the end of a process", () => {
  it("lets go of the memory that packed values were written to", () => {
    const words = ["--input-type=module", "--no-warnings", "--eval", program]
    expect(execFileSync(process.execPath, words, { encoding: "utf8" })).toBe("gone")
  })
})
