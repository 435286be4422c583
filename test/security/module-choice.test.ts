/** The configuration's choice: keys in this process, or in a module behind host commands. */

import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { SwitchConfig, UpstreamConfig } from "../../src/domain/config.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import type { TerminalProfile } from "../../src/domain/ports/terminals.ts"
import type { HsmStatus } from "../../src/observe/station-gauges.ts"
import {
  lackingKeys,
  type SecurityHooks,
  securityModuleLayer,
  upstreamKeys
} from "../../src/switch/security-module.ts"
import { built } from "../actor/built.ts"
import { profile } from "../transaction/stage.ts"
import { upstreamConfig } from "../upstream/station.ts"
import { demoStore } from "./demo-store.ts"
import { hsmRig, machine } from "./hsm-rig.ts"

const store = demoStore()
const heard: Array<string> = []
const hooks: SecurityHooks = {
  refused: ({ code }) => void heard.push(code),
  watch: () => {}
}
const software: SwitchConfig["keyStore"] = {
  file: "keys.json",
  auditFile: "keys-audit.jsonl",
  masterKey: { env: "UNUSED" },
  test: true,
  parity: "adjust",
  aesCheckValue: "cmac"
}

describe("the keys that upstreams share with us", () => {
  async function keysOf(shared: Pick<UpstreamConfig, "macKey" | "pin">) {
    const house = built(
      securityModuleLayer(software, store, [], hooks).pipe(Layer.provide(machine))
    )
    const upstreams = [{ ...upstreamConfig, ...shared }]
    const found = await Effect.runPromise(
      upstreamKeys(upstreams, software, store, []).pipe(
        Effect.provideService(SecurityModule, house.get(SecurityModule)),
        Effect.result
      )
    )
    await house.close()
    return found._tag === "Success"
      ? { macs: [...found.success.macs.keys()], pins: [...found.success.pins.keys()] }
      : `${found.failure.key}: ${found.failure.code}`
  }

  it("are installed under the upstream's name, each for its work", async () => {
    expect(await keysOf({})).toEqual({ macs: [], pins: [] })
    const pin = { key: "zpk-demo", format: 0 } as const
    expect(await keysOf({ macKey: "mak-65465423", pin })).toEqual({
      macs: ["bank"],
      pins: ["bank"]
    })
  })

  it("stop the start when they are not there, or not for this work", async () => {
    expect(await keysOf({ macKey: "nobody" })).toBe("nobody: key-unknown")
    expect(await keysOf({ macKey: "zpk-demo" })).toBe("zpk-demo: key-usage")
    expect(await keysOf({ pin: { key: "tmk-demo", format: 0 } })).toBe("tmk-demo: key-usage")
  })
})

describe("the keys that terminals name", () => {
  const terminal = (name: string, more: Partial<TerminalProfile>): TerminalProfile => ({
    ...profile,
    terminal: name as TerminalProfile["terminal"],
    ...more
  })

  it("are told when they are not there or not for this work, each once", () => {
    const terminals = [
      terminal("T1", { masterKey: "tmk-demo" }),
      terminal("T2", { masterKey: "tmk-dmeo" }),
      terminal("T3", { masterKey: "tmk-dmeo" }),
      terminal("T4", { baseKey: "bdk-demo-tdes" }),
      terminal("T5", { baseKey: "tmk-demo" }),
      terminal("T6", {})
    ]
    expect(lackingKeys(terminals, store.keys)).toEqual([
      { key: "tmk-dmeo", terminal: "T2", terminals: 2 },
      { key: "tmk-demo", terminal: "T5", terminals: 1 }
    ])
  })
})

describe("the security module of a configuration", () => {
  it("is the software where nothing else is named", async () => {
    const house = built(
      securityModuleLayer(software, store, [], hooks).pipe(Layer.provide(machine))
    )
    const one = house.get(SecurityModule)
    expect(one.place).toBe("software")
    heard.length = 0
    expect(one.install(Buffer.from("no block"), "mac")).toBe("key-missing")
    expect(heard).toEqual(["block-length"])
    await house.close()
  })

  it("is the one that is named, with its own blocks", async () => {
    const rig = await hsmRig()
    const { hosts: links, ...client } = rig.module.client
    const hsm = { ...client, links, privateLine: false, file: "blocks.json" }
    const keys = [...store.keys, { ...store.current("tmk-demo")!, name: "tmk-theirs" }]
    let status: (() => HsmStatus) | undefined
    const watched: SecurityHooks = { ...hooks, watch: (look) => void (status = look) }
    const house = built(
      securityModuleLayer({ ...software, hsm }, store, keys, watched).pipe(Layer.provide(machine))
    )
    const one = house.get(SecurityModule)
    expect(one.place).toBe("hsm")
    let length = 0
    for (let round = 0; round < 200 && length === 0; round++) {
      const issued = await Effect.runPromise(
        Effect.result(one.issueWorkingKeys("tmk-theirs", "cup-60"))
      )
      if (issued._tag === "Success") length = issued.success.download.length
      else await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(length).toBe(60)
    expect(status?.()).toMatchObject({
      links: client.connections,
      outstanding: 0,
      breaker: "closed",
      queueCapacity: client.queue
    })
    heard.length = 0
    await Effect.runPromise(Effect.result(one.issueWorkingKeys("tmk-nobody", "cup-60")))
    expect(heard).toEqual(["key-unknown"])
    await house.close()
    await rig.close()
  })
})
