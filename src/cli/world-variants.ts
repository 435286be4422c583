/**
 * Variants of the world's configuration: what a story changes before it begins, what it reloads,
 * and what it expects a check to refuse. Each is the file as it stands, or one that it names, with
 * one or more of its keys set, loaded as any file is, so that a fault names the line.
 */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem } from "effect"
import { dirname, join } from "node:path"
import { type Document, parseDocument } from "yaml"
import { faultLine } from "../config/config-invalid.ts"
import { loadConfig } from "../config/load.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { compileRoutes } from "../route/route-table.ts"
import type { Setting } from "../simulate/world/scenario-rules.ts"

/** By the number of the line that wants it: the configuration, or its faults. */
export type Variants = ReadonlyMap<number, LoadedConfig | ReadonlyArray<string>>

/** The file with these settings, `routes[0].to` and its like; `version` is the one before. */
export const loadVariant = Effect.fnUntraced(
  function*(file: string, settings: ReadonlyArray<Setting>, version: number) {
    const machine = yield* FileSystem.FileSystem
    const documents = new Map<string, Document>()
    for (const { of, path, value } of settings) {
      const changed = of === undefined ? file : join(dirname(file), of)
      const document = documents.get(changed) ??
        parseDocument(yield* machine.readFileString(changed))
      documents.set(changed, document)
      const keys = keysOf(path)
      if (value === undefined) document.deleteIn(keys)
      else document.setIn(keys, document.createNode(parseDocument(value).toJS()))
    }
    const overlay = FileSystem.FileSystem.of({
      ...machine,
      readFileString: (path, encoding) => {
        const document = documents.get(path)
        return document === undefined
          ? machine.readFileString(path, encoding)
          : Effect.succeed(document.toString())
      }
    })
    return yield* loadConfig(file, version).pipe(
      Effect.provideService(FileSystem.FileSystem, overlay),
      Effect.map((loaded) => routed(loaded)),
      Effect.catchTag("ConfigInvalid", ({ faults }) => Effect.succeed(faults.map(faultLine)))
    )
  },
  Effect.provide(NodeFileSystem.layer)
)

/** Whoever starts or checks compiles the routes too. */
function routed(loaded: LoadedConfig): LoadedConfig | ReadonlyArray<string> {
  const { routes, upstreams, version } = loaded.config
  const table = compileRoutes(routes, new Set(upstreams.map(({ name }) => name)), version)
  return "decide" in table ? loaded : table.map(({ path, problem }) => `${path}: ${problem}`)
}

function keysOf(path: string): ReadonlyArray<string | number> {
  return path.split(/[.[\]]+/).filter((part) => part !== "").map((part) =>
    /^\d+$/.test(part) ? Number(part) : part
  )
}
