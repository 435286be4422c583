/**
 * Everything that the road bench starts: responder, relay, the switch with its worker pool and once
 * more decoding in place, HAProxy where it is installed, and the terminals of each. Must hold: all
 * stand at once, so that arms can alternate, and only one has traffic at a time.
 */

import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { TerminalKey } from "../load/orders.ts"
import { heard, type Running, startNode, startProgram } from "../load/processes.ts"
import { sumOf } from "../load/scrape.ts"
import { freePorts, makeSite, type Site } from "../load/site.ts"
import { Arm, type ArmName } from "./arm.ts"

interface HouseOptions {
  readonly terminals: ReadonlyArray<TerminalKey>
  readonly generators: number
}

export interface House {
  readonly switch: Arm
  readonly inPlace: Arm
  readonly relay: Arm
  readonly haproxy: Arm | undefined
  /** Answers against rows in PostgreSQL; what does not agree, one line each. */
  readonly books: (say: (text: string) => void) => Promise<Array<string>>
  readonly close: () => Promise<void>
}

const startWithinMs = 20_000
/** How long PostgreSQL gets to take what the last run left. */
const settleMs = 15_000

export async function openHouse({ generators, terminals }: HouseOptions): Promise<House> {
  const responder = startNode("bench/load/responder.ts", ["0"])
  const upstreamPort = await readyPort(responder)
  const sites: Array<Site> = []
  const arms: Array<Arm> = []
  const add = async (name: ArmName, running: Running, port: number, adminPort?: number) => {
    const arm = new Arm({
      name,
      running,
      port,
      terminals,
      generators,
      ...adminPort === undefined ? {} : { adminPort }
    })
    arms.push(arm)
    await arm.open()
    return arm
  }
  const open = async (name: ArmName, workers: number) => {
    const site = await makeSite({ terminals, upstreamPort, workers })
    sites.push(site)
    return add(name, await site.start(), site.port, site.adminPort)
  }
  const close = async () => {
    for (const arm of arms) await arm.close()
    await responder.stop()
    for (const site of sites) site.remove()
  }
  try {
    const pooled = await open("switch", 1)
    const inPlace = await open("switch in place", 0)
    const relaying = startNode("bench/load/relay.ts", ["0", String(upstreamPort)])
    const relay = await add("relay", relaying, await readyPort(relaying))
    const proxy = await startHaproxy(sites[0]!.folder, upstreamPort)
    return {
      switch: pooled,
      inPlace,
      relay,
      haproxy: proxy && await add("haproxy", proxy.running, proxy.port),
      books: async (say) => [
        ...await bookOf(pooled, sites[0]!, say),
        ...await bookOf(inPlace, sites[1]!, say)
      ],
      close
    }
  } catch (cause) {
    await close()
    throw cause
  }
}

async function readyPort(running: Running): Promise<number> {
  return Number((await heard(running, /^ready (\d+)/m, startWithinMs))[1])
}

async function bookOf(
  arm: Arm,
  site: Site,
  say: (text: string) => void
): Promise<Array<string>> {
  const until = performance.now() + settleMs
  let scraped = await arm.scrape()
  while (sumOf(scraped, "journal_lag_records") > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    scraped = await arm.scrape()
  }
  const rows = await site.rows()
  say(`${arm.name}: ${arm.sent} sent, ${arm.answered} answered, ${rows} rows in PostgreSQL`)
  const found: Array<string> = []
  if (arm.sent !== arm.answered) found.push(`${arm.name}: ${arm.sent - arm.answered} unanswered`)
  if (rows !== arm.answered) found.push(`${arm.name}: ${arm.answered} answers but ${rows} rows`)
  return found
}

/** HAProxy in TCP mode; undefined where it is not installed. */
async function startHaproxy(
  folder: string,
  upstreamPort: number
): Promise<{ readonly running: Running; readonly port: number } | undefined> {
  if (spawnSync("haproxy", ["-v"]).status !== 0) return undefined
  const [port = 0] = await freePorts(1)
  const path = join(folder, "haproxy.cfg")
  writeFileSync(
    path,
    [
      "global",
      "  maxconn 10000",
      "defaults",
      "  mode tcp",
      "  timeout connect 5s",
      "  timeout client 1h",
      "  timeout server 1h",
      "frontend terminals",
      `  bind 127.0.0.1:${port}`,
      "  default_backend upstream",
      "backend upstream",
      `  server upstream 127.0.0.1:${upstreamPort}`,
      ""
    ].join("\n")
  )
  return { running: startProgram("haproxy", ["-db", "-f", path]), port }
}
