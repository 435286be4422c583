/** The configuration's choice: keys in this process, or in a module behind host commands. */

import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import type { SwitchConfig } from "../../src/domain/config.ts"
import { SecurityModule } from "../../src/domain/ports/security-module.ts"
import { securityModuleLayer } from "../../src/switch/security-module.ts"
import { built } from "../actor/built.ts"
import { demoStore } from "./demo-store.ts"
import { hsmRig, machine } from "./hsm-rig.ts"

const store = demoStore()
const software: SwitchConfig["keyStore"] = {
  file: "keys.json",
  masterKey: { env: "UNUSED" },
  test: true,
  parity: "adjust"
}

describe("the security module of a configuration", () => {
  it("is the software where nothing else is named", async () => {
    const house = built(securityModuleLayer(software, store, []).pipe(Layer.provide(machine)))
    expect(house.get(SecurityModule).place).toBe("software")
    await house.close()
  })

  it("is the one that is named, with its own blocks", async () => {
    const rig = await hsmRig()
    const { hosts: links, ...client } = rig.module.client
    const hsm = { ...client, links, file: "blocks.json" }
    const keys = [...store.keys, { ...store.current("tmk-demo")!, name: "tmk-theirs" }]
    const house = built(
      securityModuleLayer({ ...software, hsm }, store, keys).pipe(Layer.provide(machine))
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
    await house.close()
    await rig.close()
  })
})
