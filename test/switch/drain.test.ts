/** What a drain looks like from outside, while something is still in flight. */

import { once } from "node:events"
import { connect } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Caller, eventually, RunningSwitch } from "./running.ts"

const running = new RunningSwitch()

beforeAll(async () => {
  await running.prepare((yaml) =>
    yaml.replace("links: [{ port:", "links: [{ host: 127.0.0.2, port:").replace(
      "    acquirerId: \"00010000\"\n",
      "    acquirerId: \"00010000\"\n    timeoutMs: 8000\n    breaker: { slowMs: 2000 }\n"
    )
  )
  const words = ["--upstream", "acquirer", "--host", "127.0.0.2", "--mood", "silent=1"]
  running.start("acquirer", ...words)
}, 60_000)
afterAll(() => running.stop(), 60_000)

it("is told by the probes until nothing is in flight", async () => {
  const child = running.start("start")
  await running.isReady()
  const metrics = async () => (await fetch(`http://${running.admin}/metrics`)).text()
  expect(await metrics()).toContain("\npointsman_ready 1\n")
  const caller = await Caller.to(running, "ascii-terminals")
  await caller.signOn("T0000101", "M00000000000021")
  const sale = caller.sell("T0000101", "M00000000000021", "000002", 100).catch(() => undefined)
  const health = async () =>
    await (await fetch(`http://${running.admin}/healthz`)).json() as { readonly inFlight: number }
  await eventually(async () => (await health()).inFlight === 1, "a sale in flight")
  const closed = once(child, "close")
  child.kill("SIGTERM")
  const probe = async () => (await fetch(`http://${running.admin}/readyz`)).text()
  await eventually(async () => (await probe()).includes("the switch is draining"), "not ready")
  expect(await metrics()).toContain("\npointsman_ready 0\n")
  // The listener of the sale waits for it; every other one is closed as well.
  const turnedAway = () =>
    new Promise<boolean>((resolve) => {
      const line = connect(running.port(8583), "127.0.0.1").on("error", () => {}).resume()
      const patience = setTimeout(() => line.destroy(), 500)
      line.once("close", (hadError) => {
        clearTimeout(patience)
        resolve(hadError || line.readableEnded)
      })
    })
  await eventually(turnedAway, "no listener lets anybody in")
  expect(await health()).toMatchObject({ inFlight: 1, ready: false })
  expect((await running.ask("health", "--alive")).exit).toBe(0)
  await closed
  expect(child.exitCode).toBe(0)
  await sale
  caller.close()
}, 60_000)
