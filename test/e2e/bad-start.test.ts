/**
 * Starts that cannot be, and one that can without PostgreSQL: an exit code, and one line on
 * standard error that says what to do. A running switch is unmoved by another's failed start.
 */

import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openCounter } from "./counter.ts"
import { Host } from "./host.ts"
import { makeSite, type Site } from "./site.ts"
import { ascii } from "./speech.ts"
import { linked, startSwitch, type Switch } from "./switch.ts"

let site: Site
let running: Switch
const acquirer = new Host(ascii)

/** PostgreSQL where nobody listens: a server that is down. */
const away = (config: { ledger: Record<string, unknown> }) => {
  writeFileSync(
    join(site.folder, "config", "database-url.txt"),
    `postgres://pointsman@127.0.0.1:${site.ports.control}/pointsman`
  )
  config.ledger = { url: { file: "database-url.txt" } }
}

beforeAll(async () => {
  site = await makeSite()
  await acquirer.listen(site.ports.acquirer)
}, 60_000)

afterAll(async () => {
  await site.end()
  await acquirer.close()
})

/** A start that fails: its exit code and its own line, without the log. */
async function failed(): Promise<{ code: number; line: string }> {
  const started = site.run(["start"])
  const { code } = await started.ended
  const lines = started.talk.split("\n").filter((line) => line.startsWith("pointsman: "))
  expect(lines, started.last()).toHaveLength(1)
  return { code: code ?? -1, line: lines[0]! }
}

describe("PostgreSQL that is down", () => {
  it("at the start keeps nobody waiting, and gets every row when it is there", async () => {
    site.write(away)
    running = await startSwitch(site)
    await linked(running, "acquirer")
    const counter = await openCounter(site.ports.ascii, 101)
    for (let sale = 0; sale < 10; sale++) {
      expect((await counter.sell()).text("39")).toBe("00")
    }
    const health = await running.health()
    expect(health?.ledger.connected).toBe(false)
    expect(health?.journal.feedPending).toBeGreaterThanOrEqual(10)
    counter.caller.close()
    expect(await running.process.stop()).toEqual({ code: 0, signal: null })
    site.write()
    running = await startSwitch(site)
    await running.comesToRest()
    const rows = await site.rows(`SELECT id FROM transactions WHERE terminal = 'T0000101'`)
    expect(rows).toHaveLength(10)
  }, 120_000)

  it("at the start of a switch that requires it ends that with 3 and what to do", async () => {
    const other = await makeSite()
    try {
      other.write((config) => {
        away(config)
        config.ledger["required"] = true
      })
      writeFileSync(
        join(other.folder, "config", "database-url.txt"),
        `postgres://pointsman@127.0.0.1:${other.ports.control}/pointsman`
      )
      const started = other.run(["start"])
      expect((await started.ended).code).toBe(3)
      expect(started.talk).toMatch(/^pointsman: .*PostgreSQL/m)
    } finally {
      await other.end()
    }
  }, 120_000)
})

describe("beside a running switch", () => {
  beforeAll(async () => {
    await linked(running, "acquirer")
  })

  it("a second one on the same journal ends with 3 and says whose it is", async () => {
    const { code, line } = await failed()
    expect(code).toBe(3)
    expect(line).toMatch(/journal/)
    expect(line).toContain(site.journalPath)
  }, 60_000)

  it("one whose port is taken ends with 3 and says which, and leaves nothing behind", async () => {
    const other = await makeSite()
    try {
      other.write((config) => {
        config.listeners[0]!["port"] = site.ports.terminals
      })
      const started = other.run(["start"])
      expect((await started.ended).code).toBe(3)
      expect(started.talk).toMatch(
        new RegExp(`^pointsman: port ${site.ports.terminals} of listener terminals is taken`, "m")
      )
      expect(other.postgresPid()).toBeUndefined()
    } finally {
      await other.end()
    }
  }, 60_000)

  it("one with an unknown key ends with 1, its line and the key that was meant", async () => {
    site.write((config) => {
      config.journal["maxByts"] = config.journal["maxBytes"]
      delete config.journal["maxBytes"]
    })
    const { code, line } = await failed()
    site.write()
    expect(code).toBe(1)
    expect(line).toMatch(/pointsman\.yaml:\d+: journal\.maxByts/)
    expect(line).toContain("maxBytes")
  }, 60_000)

  it("and it goes on as if nothing had been", async () => {
    const counter = await openCounter(site.ports.ascii, 102)
    expect((await counter.sell()).text("39")).toBe("00")
    counter.caller.close()
    await running.comesToRest()
    expect(await running.process.stop()).toEqual({ code: 0, signal: null })
  }, 60_000)
})

describe("an admin port that is taken", () => {
  it("ends the start with 3 and says which", async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(site.ports.admin, "127.0.0.1", resolve))
    try {
      const { code, line } = await failed()
      expect(code).toBe(3)
      expect(line).toContain(String(site.ports.admin))
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
    expect(site.postgresPid()).toBeUndefined()
  }, 60_000)
})
