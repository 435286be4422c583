/** Random bytes are handed out once. */

import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Random } from "../../src/domain/ports/time.ts"
import { MachineRandom } from "../../src/listen/machine-time.ts"

describe("the machine's random bytes", () => {
  it("have the asked length, their own memory, and never repeat", () => {
    const random = Effect.runSync(Effect.provide(Random, MachineRandom))
    const seen = new Set<string>()
    for (let round = 0; round < 2000; round++) {
      const bytes = random.bytes(16)
      expect(bytes.length).toBe(16)
      expect(bytes.byteOffset).toBe(0)
      seen.add(Buffer.from(bytes).toString("hex"))
    }
    expect(seen.size).toBe(2000)
    expect(random.bytes(10_000).length).toBe(10_000)
    expect(random.bytes(0).length).toBe(0)
  })
})
