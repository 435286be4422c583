/**
 * A journal in a process of its own, under what happens to processes and disks: killed, a second
 * one started, the disk full, slow, or failing. What was acknowledged is there afterwards, always.
 * Needs `strace` for the disk's faults and the right to mount for a full one; skipped without.
 */

import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { inspectJournal, verifyJournal } from "../../src/journal/inspection.ts"
import { logFileName } from "../../src/journal/log-file.ts"
import { storeFileName } from "../../src/journal/settled-groups.ts"
import { type Program, start } from "./processes.ts"

const works = (file: string, ...args: Array<string>) => spawnSync(file, args).status === 0

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pointsman-faults-"))
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

/** A line of a trace in which an acknowledgement is written. */
const isTold = (line: string) => /writev?\(1(<[^>]*>)?, .*"\d+\\n/.test(line)

/** Every number below the highest acknowledged one is in the journal, and nothing is torn. */
async function holds(path: string, lines: ReadonlyArray<string>): Promise<number> {
  const acknowledged = lines.filter((line) => /^\d+$/.test(line)).map(Number)
  const last = acknowledged.at(-1) ?? -1
  const { faults } = await Effect.runPromise(verifyJournal(path))
  expect(faults).toEqual([])
  const { records } = await Effect.runPromise(inspectJournal(path))
  expect(records.transactions).toBeGreaterThan(last)
  return records.transactions
}

describe("processes (P1, P11)", () => {
  it("P1: keeps what it acknowledged when it is killed, again and again", async () => {
    let known = 0
    for (const after of [1, 40, 150]) {
      const writer = start("writer.ts", [folder, "100000"])
      expect(await writer.line()).toBe(`open ${known}`)
      const lines = await linesOf(writer, after)
      writer.process.kill("SIGKILL")
      lines.push(...await linesOf(writer))
      known = await holds(folder, lines)
    }
  })

  it("P11: is refused a second owner, who leaves no trace", async () => {
    const owner = start("writer.ts", [folder, "100000"])
    expect(await owner.line()).toBe("open 0")
    const second = start("writer.ts", [folder, "1"])
    expect(await linesOf(second)).toEqual([])
    expect((await second.ended)[0]).toBe(1)
    const lines = await linesOf(owner, 20)
    expect(lines).toHaveLength(20)
    owner.process.kill("SIGKILL")
    await owner.ended
    await holds(folder, lines)
  })
})

describe.skipIf(!works("strace", "-V"))("a sick disk (D2, D3)", () => {
  /** The writer under `strace`, which writes what it traces to a file. */
  const traced = (count: number, ...args: ReadonlyArray<string>) =>
    start("writer.ts", [folder, String(count)], ["strace", "-f", "-o", `${folder}/trace`, ...args])
  /** As `traced`, where only calls on one file of the journal are traced. */
  const tracedFile = (name: string, count: number, ...args: ReadonlyArray<string>) =>
    traced(count, "-P", join(folder, name), ...args)

  async function goesOn(lines: ReadonlyArray<string>): Promise<void> {
    const known = await holds(folder, lines)
    const after = await linesOf(start("writer.ts", [folder, "10"]))
    expect(after[0]).toBe(`open ${known}`)
    expect(after.at(-1)).toBe("closed")
  }

  it("D2: acknowledges nothing any more once a write failed, and ends with 3", async () => {
    // Each thread's own eighth write: after the six of the opening, and before the 33rd commit, with
    // which groups begin to settle. While they do, a commit may well be durable and told although
    // the settling has just failed.
    const inject = "inject=pwrite64:error=EIO:when=8+"
    const writer = traced(1000, "-e", "trace=pwrite64,write,writev", "-e", inject)
    const lines = await linesOf(writer)
    expect(lines.at(-1)).toBe("failed")
    expect((await writer.ended)[0]).toBe(3)
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.length).toBeLessThan(32)
    const trace = readFileSync(join(folder, "trace"), "utf8")
    const afterwards = trace.slice(trace.indexOf("EIO")).split("\n").filter(isTold)
    expect(afterwards).toEqual([])
    await goesOn(lines)
  })

  it.each([
    { what: "the log", file: logFileName, records: 1000, call: "pwrite64", first: 30 },
    {
      what: "LMDB, where groups settle,",
      file: storeFileName,
      records: 5000,
      call: "fdatasync",
      first: 3
    }
  ])("D2: also when only $what failed", async ({ call, file, first, records }) => {
    const inject = `inject=${call}:error=EIO:when=${first}+`
    const writer = tracedFile(file, records, "-e", `trace=${call}`, "-e", inject)
    const lines = await linesOf(writer)
    expect(lines.at(-1)).toBe("failed")
    expect((await writer.ended)[0]).toBe(3)
    expect(lines.length).toBeGreaterThan(5)
    await goesOn(lines)
  })

  it("D3: waits for a slow write, every time", async () => {
    const delay = "inject=pwrite64:delay_exit=100000"
    const writer = tracedFile(logFileName, 5, "-e", "trace=pwrite64", "-e", delay)
    const lines = await linesOf(writer)
    expect(lines).toEqual(["open 0", "0", "1", "2", "3", "4", "closed"])
    await holds(folder, lines)
  })

  it("D3: commits on while LMDB is slow to settle, and then waits for it", async () => {
    const delay = "inject=fdatasync:delay_exit=300000"
    const writer = tracedFile(storeFileName, 400, "-e", "trace=fdatasync", "-e", delay)
    const lines = await linesOf(writer)
    expect(lines.at(-1)).toBe("closed")
    expect(lines).toHaveLength(402)
    await holds(folder, lines)
  })

  it("tells nobody before the write that covers the record has returned", async () => {
    const calls = "trace=openat,pwrite64,write,writev"
    const writer = traced(50, "-y", "-e", calls)
    const lines = await linesOf(writer)
    expect(lines.at(-1)).toBe("closed")
    let writes = 0
    let told = 0
    const trace = readFileSync(join(folder, "trace"), "utf8").split("\n")
    const log = `<${join(folder, logFileName)}>`
    // With O_DSYNC a write returns as if an fdatasync had followed it (POSIX).
    expect(trace.some((line) => /openat.*O_DSYNC/.test(line) && line.includes(log))).toBe(true)
    for (const [index, line] of trace.entries()) {
      if (line.includes(log) && /pwrite64\(.* = \d+$/.test(line)) writes++
      if (/<\.\.\. pwrite64 resumed>.* = \d+$/.test(line)) {
        const [thread = ""] = line.split(" ")
        const began = trace.slice(0, index).findLast((each) => each.startsWith(`${thread} `))
        if (began?.includes(log) === true) writes++
      }
      if (!isTold(line)) continue
      expect(writes, `no write before: ${line}`).toBeGreaterThan(0)
      told++
      writes = 0
    }
    expect(told).toBe(50)
  })
})

const mounts = (() => {
  const path = mkdtempSync(join(tmpdir(), "pointsman-mount-"))
  const mounted = works("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path)
  if (mounted) works("umount", path)
  rmSync(path, { recursive: true, force: true })
  return mounted
})()

describe.skipIf(!mounts)("a full disk (D1, D7)", () => {
  beforeEach(() => {
    expect(works("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder)).toBe(true)
  })

  afterEach(() => void works("umount", folder))

  it("D1: is refused at the start, when there is still time", async () => {
    const writer = start("writer.ts", [join(folder, "journal"), "1", "8"])
    expect(await linesOf(writer)).toEqual([])
    expect((await writer.ended)[0]).toBe(1)
  })

  it("D1: is refused at the start also when there is no room at all, and opens once there is", async () => {
    const path = join(folder, "journal")
    mkdirSync(path)
    const ballast = join(folder, "ballast")
    const { bavail, bsize } = statfsSync(folder)
    writeFileSync(ballast, Buffer.alloc(bavail * bsize))
    const refused = start("writer.ts", [path, "1", "4"])
    expect(await linesOf(refused)).toEqual([])
    expect(await refused.ended).toEqual([1, null])
    rmSync(ballast)
    // What a process leaves that was killed while LMDB made its file.
    writeFileSync(join(path, storeFileName), "")
    expect(await linesOf(start("writer.ts", [path, "1", "4"]))).toEqual(["open 0", "0", "closed"])
  })

  it("D1: does not stop a journal that has its space", async () => {
    const path = join(folder, "journal")
    const first = start("writer.ts", [path, "1", "4"])
    await linesOf(first)
    const { bavail, bsize } = statfsSync(folder)
    writeFileSync(join(folder, "ballast"), Buffer.alloc(bavail * bsize))
    expect(statfsSync(folder).bavail).toBe(0)
    const lines = await linesOf(start("writer.ts", [path, "500", "4"]))
    expect(lines.at(-1)).toBe("closed")
    await holds(path, lines)
  })

  it("D7: is refused when it is read-only", async () => {
    expect(works("mount", "-o", "remount,ro", folder)).toBe(true)
    const writer = start("writer.ts", [join(folder, "journal"), "1", "4"])
    expect(await linesOf(writer)).toEqual([])
    expect((await writer.ended)[0]).toBe(1)
  })
})
