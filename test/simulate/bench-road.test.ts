/** The road bench in small: real processes, a few terminals, two seconds; every answer is a row. */

import { expect, it } from "vitest"
import { heard, startNode } from "../../bench/load/processes.ts"
import { sumOf } from "../../bench/load/scrape.ts"
import { makeSite, terminalKeys } from "../../bench/load/site.ts"
import { Arm, lagSeconds, percentile } from "../../bench/road/arm.ts"
import { report } from "../../bench/road/report.ts"

const startWithinMs = 60_000

async function settled(arm: Arm): Promise<void> {
  for (let look = 0; look < 200; look++) {
    if (sumOf(await arm.scrape(), "journal_lag_records") === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

it("measures a switch whose answers are all approved, sealed and recorded", async () => {
  const responder = startNode("bench/load/responder.ts", ["0"])
  const upstreamPort = Number((await heard(responder, /^ready (\d+)/m, startWithinMs))[1])
  const terminals = terminalKeys(20)
  const site = await makeSite({ terminals, upstreamPort, workers: 0 })
  try {
    const running = await site.start()
    const { adminPort, port } = site
    const arm = new Arm({ name: "switch", running, port, adminPort, terminals, generators: 2 })
    await arm.open()
    const measured = await arm.run(40, 2, 0.5)
    await settled(arm)
    expect(measured.answered).toBe(measured.sent)
    expect(measured.approved).toBe(measured.answered)
    expect([measured.strays, measured.wrongMacs]).toEqual([0, 0])
    expect(measured.frameBytes).toBeGreaterThan(380)
    expect(percentile(measured, 50)).toBeGreaterThan(0)
    expect(lagSeconds(measured)).toBeLessThan(60)
    expect(await site.rows()).toBe(arm.answered)
    const page = report({
      pairs: [{
        knees: ["switch", "relay"].map((name) => ({
          held: { ...measured, arm: name as "switch" | "relay" },
          runs: []
        })),
        quarter: [measured],
        half: [measured],
        full: [measured]
      }],
      machine: "a machine",
      terminals: 20,
      objections: ["none < some"]
    })
    expect(page).toContain("none &lt; some")
    await arm.close()
  } finally {
    await responder.stop()
    site.remove()
  }
}, 120_000)
