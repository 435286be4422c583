/**
 * Kills: the switch and its PostgreSQL are killed at moments that a seed draws, under load, also
 * while they come up again. The same code is the short form in `npm test` and the long one in
 * `npm run verify -- kills`.
 */

import { pause, until } from "../e2e/site.ts"
import { type Company, makeCompany, usual, type Verdict } from "./company.ts"

interface Killing {
  readonly seed: number
  /** How often the switch is killed, and PostgreSQL. */
  readonly switchKills: number
  readonly postgresKills: number
  readonly say?: (line: string) => void
}

/** A small generator (xorshift), so that a seed names every moment. */
function chance(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
}

/** A run in which something is killed is at least this long under load before. */
const leastMs = 150
const spreadMs = 1500

/** Of the starts after a kill: killed in its turn before it is up (P3). */
const killedWhileStarting = 0.25

export async function kill(options: Killing): Promise<Verdict & { readonly early: number }> {
  const random = chance(options.seed)
  const company = await makeCompany(usual)
  let early = 0
  try {
    company.startFleets()
    const order = [
      ...Array<"switch">(options.switchKills).fill("switch"),
      ...Array<"postgres">(options.postgresKills).fill("postgres")
    ].map((what) => ({ what, at: random() })).sort((a, b) => a.at - b.at)
    for (const [index, { what }] of order.entries()) {
      await flows(company)
      await pause(leastMs + random() * spreadMs)
      options.say?.(`kill ${index + 1} of ${order.length}: ${what}`)
      if (what === "postgres") await killPostgres(company)
      else {
        await killSwitch(company)
        if (random() < killedWhileStarting) {
          early++
          await killStart(company, random() * 2500)
        }
        await company.restart()
      }
    }
    await flows(company)
    return { ...await company.judge(), early }
  } finally {
    await company.end()
  }
}

/** Terminals are being served: a kill now meets work at every station. */
async function flows(company: Company): Promise<void> {
  const before = await company.answers()
  await until("answers", 60_000, async () => await company.answers() > before + 20 || undefined)
}

async function killSwitch({ running }: Company): Promise<void> {
  running.process.kill("SIGKILL")
  await running.process.ended
}

async function killStart(company: Company, afterMs: number): Promise<void> {
  const started = company.site.run(["start"])
  await pause(afterMs)
  started.kill("SIGKILL")
  await started.ended
}

async function killPostgres({ running, site }: Company): Promise<void> {
  const pid = await until("a server to kill", 30_000, () => site.postgresPid())
  process.kill(pid, "SIGKILL")
  await until("another server", 60_000, async () => {
    const health = await running.health()
    const now = site.postgresPid()
    return health?.ledger.connected === true && now !== undefined && now !== pid || undefined
  })
}
