/** `route replay` from files: what a journal or an archive holds, under a changed configuration. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { small } from "../config/settings.ts"
import { idOf, sale } from "../ledger/records.ts"
import { pointsman } from "./process.ts"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-replay-"))
  writeFileSync(join(folder, "terminals.csv"), "terminal,merchant,group\n10000001,M1,hotels\n")
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

/** As `journal export` writes them, with a row of another table among them. */
const exported = (...rows: ReadonlyArray<TransactionRecord>): string =>
  [
    { table: "advices", key: "1", row: { id: "1" } },
    ...rows.map((row) => ({
      table: "transactions",
      key: row.id,
      row
    }))
  ].map((row) => `${JSON.stringify(row)}\n`).join("")

/** As `retain` writes it: the columns of PostgreSQL. */
function archived({ panMask, times, ...row }: TransactionRecord): string {
  const at = new Date(times.receivedMs).toISOString().replace("Z", "+00:00")
  return `${JSON.stringify({ ...row, pan_mask: panMask, received_at: at, failure: null })}\n`
}

const second = "  - name: second\n    links: [{ port: 9002 }]\nroutes:\n"
const configured = (name: string, routes: string) =>
  file(name, small.replace(/routes:\n[^]*$/, second) + routes)

const usual = (n: number, changes: Partial<TransactionRecord> = {}) =>
  sale(n, { route: "all", upstream: "acquirer", ...changes })

const replay = (...words: ReadonlyArray<string>) => pointsman(["route", "replay", ...words])

describe("route replay", () => {
  it("says who would go elsewhere, and fails on any when it is to expect none", async () => {
    const config = configured(
      "next.yaml",
      "  - { name: bank, when: { bins: [621234] }, to: [second] }\n" +
        "  - { name: long, when: { bins: [62999900] }, to: [second] }\n" +
        "  - { name: all, to: [acquirer] }\n"
    )
    const rows = file(
      "rows.jsonl",
      exported(
        usual(1),
        usual(2),
        usual(3, { panMask: "411111******1111" }),
        usual(4, { panMask: "629999******1111" }),
        usual(5, { kind: "refund", route: "original", original: idOf(1) })
      )
    )
    const words = ["--file", rows, "--config", config]
    const told = await replay(...words)
    expect(told.exit).toBe(0)
    expect(told.talk.trimEnd().split("\n")).toEqual([
      "1 as before, 2 elsewhere",
      "1 undecided: a rule needs more digits of the card than are recorded",
      "1 left out: no route decides about them"
    ])
    expect(told.out).toMatch(
      /^from +to +count +examples\nall acquirer +bank second +2 +\S+1 \S+2\n$/
    )
    const { exit, out } = await replay(...words, "--expect-same", "--format", "json")
    expect(exit).toBe(1)
    expect(JSON.parse(out)).toEqual({
      same: 1,
      elsewhere: 2,
      laterCandidate: 0,
      undecided: { digits: 1, terminal: 0 },
      moves: [{
        from: { route: "all", upstream: "acquirer" },
        to: { route: "bank", upstream: "second" },
        count: 2,
        examples: [idOf(1), idOf(2)]
      }],
      notRouted: 1
    })
  })

  it("reads an archive, and knows the time of day and the group that a row does not name", async () => {
    const config = configured(
      "late.yaml",
      "  - { name: hotels, when: { groups: [hotels] }, to: [second] }\n" +
        "  - { name: late, when: { between: 09:59-10:01 }, to: [second] }\n" +
        "  - { name: all, to: [acquirer] }\n"
    )
    const at = (time: string) => ({ times: { receivedMs: Date.parse(`2026-03-02T${time}Z`) } })
    const rows = file(
      "rows.jsonl.gz",
      gzipSync(
        [
          usual(1, { ...at("10:00:00"), terminal: "10000001" as never }),
          usual(2, { ...at("10:00:00"), terminal: "10000002" as never }),
          usual(3, { ...at("12:00:00"), terminal: "10000001" as never })
        ].map(archived).join("")
      )
    )
    const { out } = await replay("--file", rows, "--config", config, "--format", "json")
    expect(JSON.parse(out)).toMatchObject({
      same: 0,
      elsewhere: 2,
      undecided: { digits: 0, terminal: 1 },
      moves: [{ to: { route: "hotels" }, examples: [idOf(1), idOf(3)] }]
    })
  })

  it("holds two files against each other, whoever failed over then", async () => {
    const before = configured("before.yaml", "  - { name: all, to: [acquirer, second] }\n")
    const rows = file("over.jsonl", exported(usual(1, { upstream: "second" })))
    const words = ["--file", rows, "--config", before, "--expect-same"]
    const recorded = await replay(...words)
    expect(recorded.exit).toBe(1)
    expect(recorded.talk).toContain("1 of those elsewhere keep their route")
    expect(await replay(...words, "--was", before)).toMatchObject({
      exit: 0,
      out: "",
      talk: "1 as before, 0 elsewhere\n"
    })
  })

  it("refuses what it cannot read, by name", async () => {
    const config = configured("all.yaml", "  - { name: all, to: [acquirer] }\n")
    const amount = exported(usual(1)).replace(/"amount":\d+/, "\"amount\":\"many\"")
    const many = file("many.jsonl", amount)
    const broken = file("broken.jsonl", `${exported(usual(1))}{"id":"x"}\n`)
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, number, string]> = [
      [["--file", broken], 1, "broken.jsonl:3: no transaction"],
      [["--file", many], 1, "many.jsonl:2: no transaction"],
      [["--file", file("text.jsonl", "text\n")], 1, "text.jsonl:1: no transaction"],
      [["--file", file("no.jsonl.gz", "text\n")], 3, "no.jsonl.gz: cannot be read"],
      [["--file", join(folder, "absent")], 3, "absent: cannot be read"],
      [["2026-01-01", "--file", broken], 2, "give days, or --file, and not both"],
      [[], 2, "give a business day, or --file"],
      [["2026-02-30"], 2, "2026-02-30: expected a day"]
    ]
    for (const [words, exit, line] of cases) {
      const ended = await replay(...words, "--config", config)
      expect([words, ended.exit]).toEqual([words, exit])
      expect(ended.talk).toContain(line)
    }
  })
})
