/** The device client against the device listener, over loopback sockets with a real HMAC key. */

import { Context, Effect, Exit, Layer, Scope } from "effect"
import { createHash } from "node:crypto"
import { afterEach, expect, it } from "vitest"
import { Timers } from "../../src/actor/timers.ts"
import type { TerminalId, TransactionId } from "../../src/domain/brand.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import { Random } from "../../src/domain/ports/time.ts"
import { Transport } from "../../src/domain/ports/transport.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { MachineTransport } from "../../src/listen/machine-transport.ts"
import { seededWorkingKeys } from "../../src/security/key-store.ts"
import { SoftwareKeys, softwareModule } from "../../src/security/software-module.ts"
import { Device, type DeviceMessage } from "../../src/simulate/device.ts"
import { demoStore } from "../security/demo-store.ts"
import { randomFrom } from "../security/seeded-random.ts"
import { Place, profile } from "./place.ts"

const endings: Array<() => Promise<void> | void> = []

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

const terminal = "Q0000001" as TerminalId

/** The published test key of the shipped key store. */
const testKey = createHash("sha256").update(`pointsman test device ${terminal}`).digest()

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !condition(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(condition()).toBe(true)
}

async function counter(key: Uint8Array) {
  const store = demoStore()
  const seeded = seededWorkingKeys(store)
  const keys = new SoftwareKeys({ store, testEnvironment: true }, randomFrom(1), () => 0)
  const place = new Place({
    machine: true,
    devices: true,
    profiles: [profile(terminal, { identity: "hello" })],
    security: Layer.succeed(SecurityModule, softwareModule(keys)),
    hooks: { seedKeys: (id) => seeded.get(id.trim()) }
  })
  const port = await place.listen()
  endings.push(() => place.close())
  const scope = Scope.makeUnsafe()
  endings.push(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const machine = await Effect.runPromise(Layer.buildWithScope(
    MachineTransport.pipe(
      Layer.provideMerge(Timers.layer),
      Layer.provideMerge(Layer.merge(MachineTime, MachineRandom))
    ),
    scope
  ))
  const pushes: Array<DeviceMessage> = []
  const device = new Device({
    terminal,
    key,
    host: "127.0.0.1",
    port,
    transport: Context.get(machine, Transport),
    timers: Context.get(machine, Timers),
    random: Context.get(machine, Random),
    onPush: (push) => void pushes.push(push)
  })
  endings.push(() => device.stop())
  device.connect()
  return { place, device, pushes }
}

it("proves itself, sells, announces each payment once, and comes back when it is cut", async () => {
  const { device, place, pushes } = await counter(testKey)
  const push = (amount: number) =>
    place.push.prepare(terminal, "t" as TransactionId, { amount }, 60_000).send()
  push(1)
  await until(() => pushes.length === 1 && place.push.pending(terminal) === 0)
  const answers: Array<DeviceMessage> = []
  const sale = { type: "sale", stan: "000001", amount: 100, currency: "156" }
  device.ask({ ...sale, code: "134567890123456789" }, (answer) => void answers.push(answer))
  await until(() => place.submitted.length === 1)
  expect(place.view.close(terminal)).toBe(true)
  push(2)
  await until(() => place.submitted.length === 2)
  expect(place.submitted[1]!.submission.repeat).toBe(true)
  const { body } = place.submitted[0]!.answer()
  place.submitted[1]!.repeat(body)
  await until(() => answers.length === 1)
  expect(answers).toMatchObject([{ type: "result", approved: true, stan: "000001" }])
  expect(place.submitted.map(({ live }) => live)).toEqual([false, true])
  await until(() => place.push.pending(terminal) === 0)
  expect(pushes.map(({ amount }) => amount)).toEqual([1, 2])
})

it("is not let in with another key, and hears nothing", async () => {
  const { device, place, pushes } = await counter(Buffer.alloc(32, 1))
  place.push.prepare(terminal, "t" as TransactionId, { amount: 1 }, 60_000).send()
  await until(() => place.count("refused mac-wrong") === 1)
  expect(device.isReady).toBe(false)
  expect(pushes).toEqual([])
})
