/**
 * `npm run bench -- outage [--quick] [--marks] [--rate N]`: PostgreSQL away for a minute at half of
 * what the switch holds. Nobody waits for it: the terminals' p99 stays what it was, and afterwards
 * every answer is one row. The switch reaches its server through a proxy that goes away; the rate
 * is found first, or given.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SharedServer } from "../test/ledger/server.ts"
import { TcpProxy } from "../test/ledger/tcp-proxy.ts"
import { heard, startNode } from "./load/processes.ts"
import { sumOf } from "./load/scrape.ts"
import { makeSite, terminalKeys } from "./load/site.ts"
import { optionsOf } from "./options.ts"
import { Arm, type Measured, percentile } from "./road/arm.ts"
import { climb } from "./road/knee.ts"

const { values: options } = optionsOf({
  options: {
    marks: { type: "boolean" },
    quick: { type: "boolean" },
    rate: { type: "string" },
    terminals: { type: "string", default: "1000" }
  }
})
const quick = options.quick === true
const awaySeconds = quick ? 10 : 60
const beforeSeconds = quick ? 6 : 20
const firstRate = 1000
const warming = { ratePerSecond: 500, seconds: 4 }
const stretch = { seconds: 2, warmupSeconds: 0.5 }
/** How long PostgreSQL gets to take what waited for it. */
const catchUpMs = 120_000
const startWithinMs = 20_000

const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}

let missed = 0
function mark(name: string, measured: number, target: number): void {
  const met = measured <= target
  if (!met) missed++
  const figures = `measured=${measured.toFixed(2)} target=${target}`
  process.stdout.write(`mark outage.${name} ${figures} ${met ? "met" : "missed"}\n`)
}

const line = (what: string, measured: Measured): string =>
  `${what}: ${
    measured.perSecond.toFixed(0)
  }/s answered (${measured.answered}/${measured.planned}), ` +
  `p50 ${percentile(measured, 50).toFixed(2)} ms, p99 ${percentile(measured, 99).toFixed(2)} ms`

const server = new SharedServer()
await server.start()
const proxy = new TcpProxy(server.port)
const proxyPort = await proxy.start()
const password = readFileSync(join(server.folder, "password"), "utf8").trim()

const countRows = () =>
  server.run(Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ n: number }>`SELECT count(*)::float8 AS n FROM transactions`
    return row?.n ?? 0
  }))

async function caughtUp(arm: Arm): Promise<number> {
  const started = performance.now()
  for (let waitedMs = 0; waitedMs < catchUpMs; waitedMs = performance.now() - started) {
    if (sumOf(await arm.scrape(), "journal_lag_records") === 0) return waitedMs
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return Number.POSITIVE_INFINITY
}

async function measure(arm: Arm): Promise<void> {
  await arm.run(warming.ratePerSecond, warming.seconds, 0)
  const knee = options.rate === undefined
    ? (await climb(arm, firstRate, stretch)).held.perSecond
    : Number(options.rate)
  say(`knee ${knee.toFixed(0)}/s`)
  const before = await arm.run(knee / 2, beforeSeconds, 2)
  say(line("with PostgreSQL", before))
  await proxy.stop()
  const away = await arm.run(knee / 2, awaySeconds, 2)
  say(line(`without it for ${awaySeconds} s`, away))
  const waiting = sumOf(away.after, "journal_lag_records")
  await proxy.start(proxyPort)
  const ms = await caughtUp(arm)
  const rows = await countRows()
  say(`${waiting} records waited and were taken in ${(ms / 1000).toFixed(1)} s; ${rows} rows`)
  mark("rows-missing", Math.abs(arm.answered - rows) + (arm.sent - arm.answered), 0)
  mark("p99-ratio", percentile(away, 99) / percentile(before, 99), 1.5)
}

const terminals = terminalKeys(Number(options.terminals))
const responder = startNode("bench/load/responder.ts", ["0"])
const upstreamPort = Number((await heard(responder, /^ready (\d+)/m, startWithinMs))[1])
const site = await makeSite({
  terminals,
  upstreamPort,
  workers: 1,
  ledger: { url: { file: "url" }, migrate: "auto" }
})
writeFileSync(
  join(site.folder, "url"),
  `postgresql://pointsman:${password}@127.0.0.1:${proxyPort}/pointsman\n`,
  { mode: 0o600 }
)
let arm: Arm | undefined
try {
  arm = new Arm({
    name: "switch",
    running: await site.start(),
    port: site.port,
    adminPort: site.adminPort,
    terminals,
    generators: 1
  })
  await arm.open()
  await measure(arm)
} finally {
  await arm?.close()
  await responder.stop()
  site.remove()
  await proxy.stop()
  await server.stop()
}
process.exit(missed === 0 ? 0 : 1)
