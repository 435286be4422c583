/** `pointsman hsm`: a simulated security module over the key store of the configuration. */

import { Effect } from "effect"
import { Timers } from "../actor/timers.ts"
import { loadKeyStore } from "../config/key-store-file.ts"
import { Random } from "../domain/ports/time.ts"
import { Transport } from "../domain/ports/transport.ts"
import {
  goodHsmTemper,
  hsmMoods,
  type HsmTemper,
  listenHsm,
  SimulatedHsm
} from "../simulate/hsm.ts"
import { loadedConfig } from "./configuration.ts"
import { asked, runOnMachine } from "./machine.ts"
import { sharesOf } from "./shares.ts"
import { type Action, type Call, configFlag, Refusal } from "./verb.ts"

export const verb: Action = {
  about: "Answers host commands as a security module does whose master key is that of the key " +
    "store, with the moods that you give it. For a configuration with `keyStore.hsm`.",
  parameters: [],
  flags: {
    config: configFlag,
    port: { type: "number", value: "<port>", about: "on loopback", fallback: 1500 },
    header: { type: "number", value: "<n>", about: "characters of the header", fallback: 4 },
    mood: {
      type: "text",
      value: "<shares>",
      about: `shares of moods, as well=9,slow=1 (${hsmMoods.join(" ")})`,
      fallback: "well=1"
    },
    slow: { type: "number", value: "<ms>", about: "before a slow answer", fallback: 500 }
  },
  examples: [
    ["hsm", "a well one"],
    ["hsm --mood well=95,slow=4,gone=1", "slow at times, and drops a connection now and then"]
  ],
  run
}

async function run(call: Call): Promise<0> {
  const { config } = await loadedConfig(call)
  const headerLength = call.number("header") ?? 4
  if (!Number.isInteger(headerLength) || headerLength < 1 || headerLength > 12) {
    throw new Refusal(2, "--header: 1 to 12 characters")
  }
  const temper: HsmTemper = {
    ...goodHsmTemper,
    shares: sharesOf(call, "mood", hsmMoods),
    slowMs: call.number("slow") ?? 500
  }
  const program = Effect.gen(function*() {
    const transport = yield* Transport
    const store = yield* loadKeyStore(config.keyStore)
    const hsm = new SimulatedHsm({
      store,
      headerLength,
      random: yield* Random,
      timers: yield* Timers
    })
    hsm.temper = temper
    const { port } = yield* listenHsm(transport, hsm, {
      host: "127.0.0.1",
      port: call.number("port") ?? 1500
    })
    call.streams.say(`the security module listens on ${port}`)
    yield* asked(call.streams)
    call.streams.out(`${JSON.stringify({ commands: hsm.commands })}\n`)
  })
  await runOnMachine(program)
  return 0
}
