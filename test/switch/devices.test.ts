/** QR devices against a running switch: the makers' script, and the page behind a screen's code. */

import { Context, Effect, Exit, Layer, Scope } from "effect"
import { createHash } from "node:crypto"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import { Random } from "../../src/domain/ports/time.ts"
import { Transport } from "../../src/domain/ports/transport.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { Device, type DeviceMessage } from "../../src/simulate/device.ts"
import { RunningSwitch } from "./running.ts"

const running = new RunningSwitch()
const scope = Scope.makeUnsafe()

beforeAll(async () => {
  await running.prepare()
  running.start("wallet", "--mood", "pay=1")
  running.start("start")
  await running.isReady()
}, 60_000)
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await running.stop()
}, 60_000)

it("every step of the makers' script holds", async () => {
  const listener = `127.0.0.1:${running.port(8585)}`
  const { exit, out } = await running.verb("devices", "--conform", listener, "--format", "json")
  const steps = JSON.parse(out) as ReadonlyArray<{ step: string; result: string }>
  expect(steps.filter(({ result }) => result !== "holds")).toEqual([])
  expect(steps.length).toBe(12)
  expect(exit).toBe(0)
})

it("a step that does not hold is named, and the exit says so", async () => {
  const terminals = `127.0.0.1:${running.port(8583)}`
  const { exit, out } = await running.verb(
    "devices",
    "--conform",
    terminals,
    "--terminal",
    "Q0000002"
  )
  expect(exit).toBe(1)
  expect(out).toContain("expected challenge, heard")
}, 120_000)

it("the code on a screen leads to a page that says what is owed and how far it is", async () => {
  const machine = await Effect.runPromise(Layer.buildWithScope(
    MachineTransport.pipe(
      Layer.provideMerge(Timers.layer),
      Layer.provideMerge(Layer.merge(MachineTime, MachineRandom))
    ),
    scope
  ))
  const device = new Device({
    terminal: "Q0000003",
    key: createHash("sha256").update("pointsman test device Q0000003").digest(),
    host: "127.0.0.1",
    port: running.port(8585),
    transport: Context.get(machine, Transport),
    timers: Context.get(machine, Timers),
    random: Context.get(machine, Random),
    onPush: () => {}
  })
  device.connect()
  const shown = await new Promise<DeviceMessage>((resolve) =>
    device.ask({ type: "show", stan: "000001", amount: 12_345, currency: "156" }, resolve)
  )
  device.stop()
  expect(shown).toMatchObject({ type: "code", stan: "000001" })
  const answer = await fetch(String(shown["code"]))
  const text = await answer.text()
  expect(answer.status).toBe(200)
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'")
  expect(text).toContain("123.45 CNY")
  expect(text).toContain("data-state=\"waiting\"")
  expect(text).toContain("Shop 3")
  expect(text).not.toMatch(/<script|src=/)
  const absent = await fetch(String(shown["code"]).replace(/.$/, "z"))
  expect(absent.status).toBe(404)
})
