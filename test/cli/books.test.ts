/** The verbs that look at what is on disk: a journal that another process wrote, wrong questions. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { storeFileName } from "../../src/journal/settled-groups.ts"
import { start } from "../journal/processes.ts"
import { pointsman } from "./process.ts"

let folder = ""
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-books-"))
  await start("writer.ts", [folder, "20"]).ended
})
afterAll(() => rmSync(folder, { recursive: true }))

describe("journal", () => {
  it("counts, verifies and exports what another process wrote", async () => {
    const inspected = await pointsman(["journal", "inspect", "--path", folder, "--format", "json"])
    expect(JSON.parse(inspected.out)).toMatchObject({
      oldest: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      records: { transactions: 20 },
      feedPending: 20
    })
    const verified = await pointsman(["journal", "verify", "--path", folder])
    expect(verified).toMatchObject({ exit: 0, out: "" })
    expect(verified.talk).toMatch(/^\d+ groups, \d+ records, 0 faults\n$/)
    const words = ["journal", "export", "--path", folder, "--table", "transactions"]
    const { out } = await pointsman(words)
    const rows = out.trimEnd().split("\n").map((line) => JSON.parse(line) as { table: string })
    expect(rows).toHaveLength(20)
    expect(out).toContain("621700******0003")
    const file = join(folder, "export.jsonl")
    writeFileSync(file, out)
    const replayed = await pointsman(["route", "replay", "--file", file, "--format", "json"])
    expect(JSON.parse(replayed.out)).toMatchObject({ notRouted: 0, same: 0, elsewhere: 20 })
  })

  it("tells no journal from a broken one by its exit code", async () => {
    const absent = await pointsman(["journal", "inspect", "--path", join(folder, "absent")])
    expect(absent.exit).toBe(3)
    const file = join(folder, storeFileName)
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.subarray(0, 5000))
    const broken = await pointsman(["journal", "verify", "--path", folder])
    expect(broken.exit).toBe(1)
    expect(broken.talk.split("\n")).toHaveLength(2)
  })
})

describe("questions to PostgreSQL", () => {
  const cases: ReadonlyArray<readonly [words: string, line: string]> = [
    ["report", "<from> is missing: first business day, YYYY-MM-DD"],
    ["report yesterday", "yesterday: expected a day, YYYY-MM-DD"],
    ["report 2026-13-01", "2026-13-01: expected a day"],
    ["report 2026-02-30", "2026-02-30: expected a day"],
    ["report 2026-02-03 2026-01-03", "2026-01-03 is before 2026-02-03"],
    ["report 2026-01-01 --by week", "--by week: use one of totals, hours"],
    ["settle T1 5 --since 2026-01-01", "5: a batch is six digits"],
    ["settle T1 000005", "--since: say from which day on"],
    ["settle T1", "--since: say from which day on"],
    ["reconcile a.csv 2026-01-01", "--upstream: say whose file it is"]
  ]
  for (const [words, line] of cases) {
    it(`that are wrong are refused: ${words}`, async () => {
      const { exit, talk } = await pointsman(words.split(" "))
      expect([exit, talk]).toEqual([2, expect.stringContaining(line)])
    })
  }

  it("name the line of an upstream's file that cannot be read, without a card in it", async () => {
    const file = join(folder, "day.csv")
    writeFileSync(file, "reference,amount,currency\nR1,100,156\n4111111111111111,1.00,156\n")
    const words = ["reconcile", file, "2026-01-01", "--upstream", "acquirer"]
    const { exit, talk } = await pointsman(words)
    expect(exit).toBe(1)
    expect(talk).toContain(
      "day.csv:3: 411111******1111,1.00,156: expected reference,amount,currency"
    )
  })
})
