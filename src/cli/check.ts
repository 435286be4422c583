/** `pointsman check`: a configuration and every file it names, without starting anything. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import { certificateWarnings } from "../config/certificates.ts"
import { checkedRoutes } from "./checked-routes.ts"
import { configPath, loadedConfig } from "./configuration.ts"
import { writeRecord } from "./table.ts"
import { configFlag, type Verb } from "./verb.ts"

export const verb: Verb = {
  about: "Reads a configuration and every file it names, and says everything that is wrong with " +
    "file, line and path. Warns of certificates that end within thirty days, authorities " +
    "included. Connects to nothing and writes nothing.",
  parameters: [{ name: "file", about: "the same as --config", presence: "optional" }],
  flags: { config: configFlag },
  examples: [["check config/pointsman.yaml", "before a reload or a rollout"]],
  run: async (call) => {
    const [file] = call.parameters
    const named = file === undefined
      ? call
      : { ...call, text: (flag: string) => flag === "config" ? file : call.text(flag) }
    const loaded = await loadedConfig(named)
    const { config, dialects, framings, mappings, terminals } = loaded
    checkedRoutes(configPath(named), config)
    writeRecord(call, {
      file: configPath(named),
      listeners: config.listeners.map(({ name, port }) => `${name}:${port}`),
      upstreams: config.upstreams.map(({ name }) => name),
      routes: config.routes.length,
      terminals: terminals.length,
      dialects: [...dialects.keys()],
      framings: [...framings.keys()],
      mappings: [...mappings.keys()]
    })
    const warnings = await Effect.runPromise(
      certificateWarnings(config).pipe(Effect.provide(NodeFileSystem.layer))
    )
    for (const each of warnings) call.streams.say(`warning: ${each}`)
    call.streams.say("the configuration is good")
    return 0
  }
}
