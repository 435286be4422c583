/**
 * Signals to a switch under load: SIGTERM drains (P4), a second one ends at once (P5), SIGSTOP and
 * SIGCONT (P6); and what becomes of a switch whose starter is signalled or killed. Afterwards the
 * four books agree.
 */

import { spawn } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeSite, pause, type Site, until } from "../e2e/site.ts"
import { type Company, makeCompany, usual } from "./company.ts"

describe("a switch under load", () => {
  let company: Company

  beforeAll(async () => {
    company = await makeCompany({ ...usual, rate: 40 })
    company.startFleets()
  }, 120_000)

  afterAll(() => company.end())

  const served = async () => {
    const before = await company.answers()
    await until("answers", 60_000, async () => await company.answers() > before + 20 || undefined)
  }

  it("drains at SIGTERM and ends with 0, and its PostgreSQL with it (P4)", async () => {
    await served()
    expect(await company.running.process.stop(30_000)).toEqual({ code: 0, signal: null })
    expect(company.site.postgresPid()).toBeUndefined()
    await company.restart()
    await served()
  }, 120_000)

  it("fires what is overdue once when it was held for 5 s (P6)", async () => {
    const { running } = company
    running.process.kill("SIGSTOP")
    await pause(5000)
    running.process.kill("SIGCONT")
    await served()
    await served()
  }, 120_000)

  it(
    "ends at once at a second SIGTERM, and the next one takes over what is left (P5)",
    async () => {
      await served()
      const { running, site } = company
      running.process.kill("SIGTERM")
      // Later than what counts as the same request; a silent acquirer keeps it draining for longer.
      await pause(700)
      running.process.kill("SIGTERM")
      const end = await running.process.ended
      // It may have drained meanwhile, and PostgreSQL may have ended before it or not.
      if (end.signal !== "SIGTERM") expect(end).toEqual({ code: 0, signal: null })
      await company.restart()
      expect(site.postgresPid()).toBeDefined()
      await served()
    },
    120_000
  )

  it("and nothing was lost, doubled or left unreversed", async () => {
    const verdict = await company.judge()
    expect(verdict.violations).toEqual([])
    expect(verdict.left).toBe(0)
    expect(verdict.end).toEqual({ code: 0, signal: null })
    expect(company.site.postgresPid()).toBeUndefined()
  }, 240_000)
})

describe("a switch that was started by another program", () => {
  let site: Site

  beforeAll(async () => {
    site = await makeSite()
  })

  afterAll(() => site.end())

  const wrapper = join(import.meta.dirname, "..", "..", "bin", "pointsman.js")

  /** `bin/pointsman.js start`, in a process group of its own as a terminal makes them. */
  async function start() {
    const child = spawn(process.execPath, [wrapper, "start", "--config", site.configPath], {
      detached: true,
      stdio: "ignore"
    })
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
    const alive = async () => {
      try {
        return (await fetch(`http://127.0.0.1:${site.ports.admin}/livez`)).ok || undefined
      } catch {
        return undefined
      }
    }
    await until("a switch", 90_000, alive)
    return { pid: child.pid!, ended, gone: async () => await alive() === undefined || undefined }
  }

  it("takes a Ctrl-C, which both of them hear, for one request and drains", async () => {
    const started = await start()
    process.kill(-started.pid, "SIGINT")
    expect(await started.ended).toBe(0)
    expect(site.postgresPid()).toBeUndefined()
  }, 120_000)

  it("ends when its starter is killed, and leaves no PostgreSQL behind", async () => {
    const started = await start()
    process.kill(started.pid, "SIGKILL")
    await until("its end", 30_000, started.gone)
    await until(
      "the end of PostgreSQL",
      30_000,
      () => site.postgresPid() === undefined || undefined
    )
  }, 120_000)
})
