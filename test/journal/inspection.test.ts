/** Looking into a journal while another process writes it. */

import { Effect, Stream } from "effect"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { journalSide } from "../../src/cli/audit-journal.ts"
import { exportJournal, inspectJournal, verifyJournal } from "../../src/journal/inspection.ts"
import { logFileName } from "../../src/journal/log-file.ts"
import { storeFileName } from "../../src/journal/settled-groups.ts"
import { start } from "./processes.ts"
import { idOf } from "./records.ts"

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-inspection-"))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

it("sees at least what was acknowledged, masked, beside the writer", async () => {
  const writer = start("writer.ts", [folder, "100000"])
  try {
    let last = 0
    for (let lines = 0; lines < 200; lines++) last = Number(await writer.line()) || last
    const [state, verified, rows] = await Effect.runPromise(Effect.all([
      inspectJournal(folder),
      verifyJournal(folder),
      Stream.runCollect(exportJournal(folder))
    ]))
    expect(state.records.transactions).toBeGreaterThan(last)
    expect(state.states["forwarded"]).toBe(state.records.transactions)
    expect(state.feedPending).toBe(state.records.transactions)
    expect(verified.faults).toEqual([])
    expect(verified.records).toBeGreaterThanOrEqual(2 * last)
    expect(rows.filter(({ table }) => table === "feed").length).toBeGreaterThan(last)
    // An audit compares the same span of time on both sides.
    const of = (fromMs: number, toMs: number) =>
      Effect.runPromise(journalSide(folder, fromMs, toMs))
    expect((await of(0, Number.MAX_VALUE)).records.length).toBeGreaterThan(last)
    const [first] = (await of(0, Number.MAX_VALUE)).records
    const { receivedMs } = first!.times
    expect((await of(receivedMs, receivedMs)).records).toEqual([first])
    expect(rows[0]!.row).toMatchObject({ panMask: "621700******0003", sealed: "120 bytes" })
    expect(await writer.line()).toMatch(/^\d+$/)
  } finally {
    writer.process.kill("SIGKILL")
    await writer.ended
  }
})

it("D5: names the group in which a bit was flipped", async () => {
  const writer = start("writer.ts", [folder, "50"])
  await writer.ended
  const file = join(folder, storeFileName)
  const bytes = readFileSync(file)
  // Pages are copied when they change, so that old copies of a record lie around.
  for (let at = bytes.indexOf(idOf(3)); at >= 0; at = bytes.indexOf(idOf(3), at + 1)) {
    bytes[at + 20]! ^= 1
  }
  writeFileSync(file, bytes)
  const { faults } = await Effect.runPromise(verifyJournal(folder))
  expect(faults).toHaveLength(1)
  expect(faults[0]).toMatch(/^group \d+: corrupt$/)
  const again = start("writer.ts", [folder, "1"])
  expect((await again.ended)[0]).toBe(1)
})

it("D5: names the group of the log in which a bit was flipped", async () => {
  const writer = start("writer.ts", [folder, "100000"])
  // Fewer than settle together, so that they are in the log alone.
  for (let lines = 0; lines < 20; lines++) await writer.line()
  writer.process.kill("SIGKILL")
  await writer.ended
  const file = join(folder, logFileName)
  const bytes = readFileSync(file)
  bytes[bytes.indexOf(idOf(3)) + 20]! ^= 1
  writeFileSync(file, bytes)
  const refused = await Effect.runPromise(Effect.flip(verifyJournal(folder)))
  expect(refused.reason).toBe("corrupt")
  expect(refused.advice).toMatch(/journal\.wal: group \d+: keep the folder/)
  const again = start("writer.ts", [folder, "1"])
  expect((await again.ended)[0]).toBe(1)
})

it("says what the system says of a file that cannot be read", async () => {
  const writer = start("writer.ts", [folder, "1"])
  await writer.ended
  const file = join(folder, logFileName)
  rmSync(file)
  mkdirSync(file)
  const refused = await Effect.runPromise(Effect.flip(inspectJournal(folder)))
  expect(refused.reason).toBe("system")
  expect(refused.advice).toContain("EISDIR")
})

it("says that there is no journal", async () => {
  const refused = await Effect.runPromise(Effect.flip(inspectJournal(folder)))
  expect(refused).toMatchObject({ reason: "absent" })
  expect(refused.advice).not.toContain("PostgreSQL")
})
