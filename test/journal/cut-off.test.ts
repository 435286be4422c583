/**
 * A process that ends in the middle: of its recovery (P3), or of a commit, with the files as they
 * were at that moment (D4). Every time, what was acknowledged is there, and nothing by half.
 */

import { Effect } from "effect"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { inspectJournal, verifyJournal } from "../../src/journal/inspection.ts"
import { logFileName } from "../../src/journal/log-file.ts"
import { storeFileName } from "../../src/journal/settled-groups.ts"
import { type Program, start } from "./processes.ts"

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-cut-"))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The lines of a program until it ends, at most `limit`. */
async function linesOf(program: Program, limit = 100_000): Promise<Array<string>> {
  const lines: Array<string> = []
  for (let line = await program.line(); line !== undefined; line = await program.line()) {
    lines.push(line)
    if (lines.length >= limit) break
  }
  return lines
}

describe("P3: kill -9 during recovery", () => {
  it("and again, and again: each transaction gets one chain, and the ledger each row once", async () => {
    const count = 1500
    expect(await linesOf(start("recoverer.ts", [folder, "fill", String(count)])))
      .toEqual(["fill done"])
    const startedBefore = new Set<string>()
    for (const after of [1, 300]) {
      const half = start("recoverer.ts", [folder, "recover"])
      for (const line of await linesOf(half, after)) startedBefore.add(line)
      half.process.kill("SIGKILL")
      await half.ended
    }
    expect((await linesOf(start("recoverer.ts", [folder, "recover"]))).at(-1)).toBe("recover done")
    const [found = ""] = await linesOf(start("recoverer.ts", [folder, "look"]))
    expect(JSON.parse(found)).toEqual({
      states: { reversing: count },
      chains: count,
      fed: { forwarded: count, reversing: count, chain: count },
      twice: 0
    })
    expect(startedBefore.size).toBeGreaterThan(0)
  })
})

describe("D4: the files as they were in the middle of a commit", () => {
  it("opens at the last whole commit, with everything that was acknowledged", async () => {
    const writer = start("writer.ts", [join(folder, "journal"), "100000"])
    expect(await writer.line()).toBe("open 0")
    let last = -1
    for (const [copy, lines] of [3, 20, 40].entries()) {
      for (let line = 0; line < lines; line++) last = Number(await writer.line())
      writer.process.kill("SIGSTOP")
      const path = join(folder, `copy-${copy}`)
      mkdirSync(path)
      for (const name of [storeFileName, logFileName]) {
        copyFileSync(join(folder, "journal", name), join(path, name))
      }
      writer.process.kill("SIGCONT")
      const { faults } = await Effect.runPromise(verifyJournal(path))
      expect(faults).toEqual([])
      const { records } = await Effect.runPromise(inspectJournal(path))
      expect(records.transactions).toBeGreaterThan(last)
      const again = await linesOf(start("writer.ts", [path, "3"]))
      expect([again[0], again.at(-1)]).toEqual([`open ${records.transactions}`, "closed"])
    }
    writer.process.kill("SIGKILL")
    await writer.ended
  })
})
