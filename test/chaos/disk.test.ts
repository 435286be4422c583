/**
 * Sick disks under the whole switch: a durable write that fails (D2), and a full disk under journal
 * and PostgreSQL (D1, B8). What was told stands afterwards, what was forwarded and not told is
 * reversed, and what could not be written is written when there is space. Needs `strace`, and the
 * right to mount; skipped without.
 */

import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { logFileName } from "../../src/journal/log-file.ts"
import { type Counter, openCounter } from "../e2e/counter.ts"
import { Host } from "../e2e/host.ts"
import { makeSite, type Site } from "../e2e/site.ts"
import { ascii } from "../e2e/speech.ts"
import { linked, startSwitch } from "../e2e/switch.ts"

const works = (file: string, ...args: ReadonlyArray<string>) => spawnSync(file, args).status === 0

let site: Site
let acquirer: Host

beforeEach(async () => {
  site = await makeSite()
  acquirer = new Host(ascii)
  await acquirer.listen(site.ports.acquirer)
})

afterEach(async () => {
  await site.end()
  await acquirer.close()
})

/** Sells until the switch is gone or `most` are sold; the STANs whose approval arrived. */
async function sellOut(counter: Counter, most: number): Promise<Array<string>> {
  const approved: Array<string> = []
  for (let sale = 0; sale < most; sale++) {
    try {
      const message = await counter.sell()
      if (message.text("39") === "00") approved.push(message.text("11")!)
    } catch {
      break
    }
  }
  return approved
}

const rowsOf = (states: string) =>
  site.rows<{ stan: string; upstream_stan: string }>(
    `SELECT stan, upstream_stan FROM transactions WHERE terminal = 'T0000101'
     AND state IN (${states}) ORDER BY stan`
  )

describe.skipIf(!works("strace", "-f", "-e", "trace=none", "true"))("a write that fails", () => {
  it("ends the switch with 3, tells nobody anything more, and a restart reverses", async () => {
    const url = `postgres://pointsman@127.0.0.1:${site.ports.control}/pointsman`
    writeFileSync(join(site.folder, "config", "database-url.txt"), url)
    site.write((config) => {
      config.ledger = { url: { file: "database-url.txt" } }
    })
    // Counted for each thread of the process.
    const log = join(site.journalPath, logFileName)
    const inject = ["-P", log, "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=EIO:when=12+"]
    const trace = ["strace", "-f", "--seccomp-bpf", "-o", join(site.folder, "trace"), ...inject]
    const sick = await startSwitch(site, [], trace)
    await linked(sick, "acquirer")
    const counter = await openCounter(site.ports.ascii, 101)
    const approved = await sellOut(counter, 1000)
    expect(approved.length).toBeGreaterThan(3)
    expect(await sick.process.ended).toEqual({ code: 3, signal: null })
    expect(sick.process.talk).toMatch(/^pointsman: the journal's commit failed.*start again/m)
    const told = acquirer.requests.length

    site.write()
    const well = await startSwitch(site)
    await linked(well, "acquirer")
    await well.comesToRest()
    const stands = await rowsOf(`'answered', 'recorded', 'delivery-unconfirmed'`)
    expect(stands.map(({ stan }) => stan)).toEqual(expect.arrayContaining(approved))
    // What the acquirer executed and the terminal did not hear of: reversed, or still to be asked.
    const reversed = new Set(
      acquirer.requests.slice(told).map((each) => each.role("originalStan") ?? each.text("11"))
    )
    const standing = new Set(stands.map((row) => row.upstream_stan))
    for (const request of acquirer.requests.slice(0, told)) {
      const stan = request.text("11")!
      expect(reversed.has(stan) !== standing.has(stan), `upstream stan ${stan}`).toBe(true)
    }
    expect(await well.process.stop()).toEqual({ code: 0, signal: null })
  }, 120_000)
})

const mounts = (() => {
  const path = mkdtempSync(join(tmpdir(), "pointsman-mount-"))
  const mounted = works("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path)
  if (mounted) works("umount", path)
  rmSync(path, { recursive: true, force: true })
  return mounted
})()

describe.skipIf(!mounts)("a full disk", () => {
  let disk: string

  beforeEach(() => {
    disk = join(site.folder, "data")
    mkdirSync(disk)
    expect(works("mount", "-t", "tmpfs", "-o", "size=240m", "tmpfs", disk)).toBe(true)
  })

  afterEach(async () => {
    await site.stop()
    expect(works("umount", disk)).toBe(true)
  })

  it("does not stop the switch, and PostgreSQL gets its rows when there is space", async () => {
    const running = await startSwitch(site)
    await linked(running, "acquirer")
    const counter = await openCounter(site.ports.ascii, 101)
    const approved = await sellOut(counter, 20)
    await running.comesToRest()
    const ballast = join(disk, "ballast")
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(ballast, Buffer.alloc(bavail * bsize))
    expect(statfsSync(disk).bavail).toBe(0)
    approved.push(...await sellOut(counter, 200))
    expect(approved).toHaveLength(220)
    rmSync(ballast)
    await running.comesToRest()
    const rows = await rowsOf(`'answered', 'recorded'`)
    expect(rows.map(({ stan }) => stan)).toEqual(approved)
    expect(await running.process.stop()).toEqual({ code: 0, signal: null })
  }, 120_000)
})
