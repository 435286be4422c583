/** The configuration file of a verb: which one is meant, and loading it under a verb's rules. */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { loadConfig } from "../config/load.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { bundledFolder } from "../config/named-files.ts"
import { type Call, Refusal } from "./verb.ts"

/** `--config`, `POINTSMAN_CONFIG`, or the first that is there. */
export function configPath({ streams, text }: Call): string {
  const given = text("config") ?? streams.environment("POINTSMAN_CONFIG")
  if (given !== undefined) return given
  const here = ["pointsman.yaml", join("config", "pointsman.yaml")].find((path) => existsSync(path))
  return here ?? join(bundledFolder, "pointsman.yaml")
}

/** Faults are said, a line each; exit code 1 when there are any, 3 when the file is not there. */
export async function loadedConfig(call: Call): Promise<LoadedConfig> {
  const path = configPath(call)
  if (!existsSync(path)) throw new Refusal(3, `${path}: no such file; name one with --config`)
  const result = await Effect.runPromise(
    loadConfig(path).pipe(Effect.provide(NodeFileSystem.layer), Effect.result)
  )
  if (result._tag === "Success") return result.success
  throw new Refusal(1, result.failure.message)
}
