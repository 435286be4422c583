/**
 * Proof of order for the whole switch (design §5): no byte of a forwarded request and no byte of an
 * answer leaves before the write of its record to the write-ahead log has returned, whose file is
 * open with `O_DSYNC`: such a write returns as if an `fdatasync` had followed it (POSIX, write).
 * `strace` writes down what the process asks of the kernel, in order; skipped where there is none.
 */

import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { logFileName } from "../../src/journal/log-file.ts"
import { openCounter } from "./counter.ts"
import { Host } from "./host.ts"
import { makeSite, type Site } from "./site.ts"
import { ascii } from "./speech.ts"
import { linked, startSwitch, type Switch } from "./switch.ts"

const canTrace = spawnSync("strace", ["-f", "-e", "trace=none", "true"]).status === 0

const sales = 25

/** What the kernel was asked for, of what matters here, in order. */
interface Event {
  readonly what: "written" | "durable" | "forwarded" | "answered"
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
    const calls = "trace=openat,write,writev,sendto,sendmsg,pwrite64"
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
    "has the record on disk before a request is forwarded, and again before it is answered",
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
      expect(lines.some((line) => line.includes("O_DSYNC") && line.includes(logOf(site)))).toBe(
        true
      )
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

/** The record was written to the log, and the write has returned. */
function expectCovered(order: ReadonlyArray<Event["what"]>, story: string): void {
  const written = order.indexOf("written")
  expect(written, story).toBeGreaterThanOrEqual(0)
  expect(order.indexOf("durable", written), story).toBeGreaterThan(written)
}

/** How `strace -yy -xx` shows a descriptor of the log. */
const logOf = ({ journalPath }: Site) => `<${traced(join(journalPath, logFileName))}>`

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
  /** Threads whose write to the log has not returned. */
  const writing = new Set<string>()
  for (const line of lines) {
    const thread = line.slice(0, line.indexOf(" "))
    if (line.includes(" pwrite64(") && line.includes(logOf(site))) {
      // The STAN may be in several records: each is on disk when its write has returned.
      if (!line.includes(own)) continue
      found.push({ what: "written", line })
      if (/ = \d+$/.test(line)) found.push({ what: "durable", line })
      else writing.add(thread)
    } else if (/<\.\.\. pwrite64 resumed>.* = \d+$/.test(line)) {
      if (writing.delete(thread)) found.push({ what: "durable", line })
    } else {
      const what = whatLeft(line, site, own, upstream)
      if (what !== undefined) found.push({ what, line })
    }
  }
  return found
}

function whatLeft(
  line: string,
  { ports }: Site,
  stan: string,
  upstreamStan: string
): Event["what"] | undefined {
  if (!/ (write|writev|sendto|sendmsg)\(\d+<TCP:/.test(line)) return undefined
  if (line.includes(`->127.0.0.1:${ports.acquirer}]`)) {
    return line.includes(traced("0200")) && line.includes(upstreamStan) ? "forwarded" : undefined
  }
  const toTerminal = line.includes(`127.0.0.1:${ports.ascii}->`)
  return toTerminal && line.includes(traced("0210")) && line.includes(stan) ? "answered" : undefined
}
