/**
 * Proof of order for the whole switch (design §5): no byte of a forwarded request and no byte of an
 * answer leaves before the `fdatasync` that covers its record has returned. `strace` writes down
 * what the process asks of the kernel, in order; skipped where there is no `strace`.
 */

import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openCounter } from "./counter.ts"
import { Host } from "./host.ts"
import { makeSite, type Site } from "./site.ts"
import { ascii } from "./speech.ts"
import { linked, startSwitch, type Switch } from "./switch.ts"

const canTrace = spawnSync("strace", ["-f", "-e", "trace=none", "true"]).status === 0

const sales = 25

/** What the kernel was asked for, of what matters here, in order. */
interface Event {
  readonly what: "record" | "synced" | "sealed" | "forwarded" | "answered"
  /** The line of the trace, for the story of a failure. */
  readonly line: string
}

describe.skipIf(!canTrace)("the order of a switch under strace", () => {
  let site: Site
  let running: Switch
  const acquirer = new Host(ascii)

  beforeAll(async () => {
    site = await makeSite()
    await acquirer.listen(site.ports.acquirer)
    // No PostgreSQL: its syncs are its own, and the order holds without it.
    const url = `postgres://pointsman@127.0.0.1:${site.ports.control}/pointsman`
    writeFileSync(join(site.folder, "config", "database-url.txt"), url)
    site.write((config) => {
      config.ledger = { url: { file: "database-url.txt" } }
    })
    const calls = "trace=write,writev,sendto,sendmsg,pwrite64,pwritev,fdatasync"
    const trace = ["strace", "-f", "-yy", "-xx", "-s", "4096", "-e", calls].concat(
      ["--seccomp-bpf", "-o", join(site.folder, "trace")]
    )
    running = await startSwitch(site, [], trace)
    await linked(running, "acquirer")
  }, 120_000)

  afterAll(async () => {
    await site.end()
    await acquirer.close()
  })

  it(
    "syncs the record before a request is forwarded, and again before it is answered",
    async () => {
      const counter = await openCounter(site.ports.ascii, 101)
      const stans: Array<string> = []
      for (let sale = 0; sale < sales; sale++) {
        expect((await counter.sell()).text("39")).toBe("00")
        stans.push(counter.stan)
      }
      counter.caller.close()
      await running.ask("/api/drain", {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json" }
      })
      await running.process.ended
      const lines = readFileSync(join(site.folder, "trace"), "utf8").split("\n")
      const requests = acquirer.requests.map((request) => request.text("11")!)
      expect(requests).toHaveLength(sales)
      for (const [index, stan] of stans.entries()) {
        const found = events(lines, site, stan, requests[index]!)
        const order = found.map(({ what }) => what)
        const story = found.map(({ what, line }) => `${what}: ${line.slice(0, 120)}`).join("\n")
        const forwarded = order.indexOf("forwarded")
        const answered = order.indexOf("answered")
        expect(order.filter((what) => what === "forwarded"), story).toHaveLength(1)
        expect(order.filter((what) => what === "answered"), story).toHaveLength(1)
        expect(answered, story).toBeGreaterThan(forwarded)
        expectCovered(order.slice(0, forwarded), story)
        expectCovered(order.slice(forwarded + 1, answered), story)
      }
    },
    120_000
  )
})

/**
 * The record was written, a sync that came after the write has returned, and so has the write of
 * the page that makes the commit one (LMDB's meta page, through a descriptor that syncs by itself).
 */
function expectCovered(order: ReadonlyArray<Event["what"]>, story: string): void {
  const record = order.indexOf("record")
  const synced = order.indexOf("synced", record)
  expect(record, story).toBeGreaterThanOrEqual(0)
  expect(synced, story).toBeGreaterThan(record)
  expect(order.indexOf("sealed", synced), story).toBeGreaterThan(synced)
}

/** `text` as `strace -xx` writes it. */
const traced = (text: string) =>
  [...Buffer.from(text, "latin1")].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(
    ""
  )

function events(
  lines: ReadonlyArray<string>,
  site: Site,
  stan: string,
  upstreamStan: string
): ReadonlyArray<Event> {
  const own = traced(stan)
  const upstream = traced(upstreamStan)
  const found: Array<Event> = []
  for (const line of lines) {
    const what = whatIs(line, site, own, upstream)
    if (what !== undefined) found.push({ what, line })
  }
  return found
}

function whatIs(
  line: string,
  { journalPath, ports }: Site,
  stan: string,
  upstreamStan: string
): Event["what"] | undefined {
  if (line.includes(traced(journalPath))) {
    if (/ fdatasync\(.*= 0$/.test(line)) return "synced"
    if (!/ (pwrite64|pwritev|writev|write)\(/.test(line)) return undefined
    return line.includes(stan) ? "record" : "sealed"
  }
  if (/<\.\.\. fdatasync resumed>.*= 0$/.test(line)) return "synced"
  if (!/ (write|writev|sendto|sendmsg)\(\d+<TCP:/.test(line)) return undefined
  if (line.includes(`->127.0.0.1:${ports.acquirer}]`)) {
    return line.includes(traced("0200")) && line.includes(upstreamStan) ? "forwarded" : undefined
  }
  const toTerminal = line.includes(`127.0.0.1:${ports.ascii}->`)
  return toTerminal && line.includes(traced("0210")) && line.includes(stan) ? "answered" : undefined
}
