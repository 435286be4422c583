/**
 * A configuration file to a `LoadedConfig`: read, shaped, checked, and every file that it names
 * read and compiled. What must hold: all faults are found in one go, and nothing half-loaded ever
 * leaves.
 */

import { Effect } from "effect"
import { dirname, resolve } from "node:path"
import type { ParameterSet } from "../domain/parameters.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { OnFault } from "../domain/source-fault.ts"
import { compileFraming } from "../frame/compile.ts"
import type { Framing } from "../frame/framing.ts"
import { compileMapping, identityMapping } from "../iso8583/compile-mapping.ts"
import { compileDialect } from "../iso8583/compile.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import type { Dialect } from "../iso8583/message.ts"
import { unsaidInReversals } from "../iso8583/reversal.ts"
import { withAbsolutePaths } from "./absolute-paths.ts"
import { checkCertificates } from "./certificates.ts"
import { ConfigInvalid, inOrder } from "./config-invalid.ts"
import type { ConfigFault, LoadedConfig, Settings } from "./loaded.ts"
import { checkModuleLimits } from "./module-limits.ts"
import { NamedFiles, readText } from "./named-files.ts"
import { compileParameters } from "./parameter-file.ts"
import { checkRelations } from "./relations.ts"
import { readAt } from "./shape.ts"
import { switchShape } from "./switch-shape.ts"
import { parseTerminals } from "./terminals-file.ts"
import { YamlSource } from "./yaml-source.ts"

/**
 * Relative paths in the file are relative to its folder. The version is one above
 * `previousVersion`.
 */
export const loadConfig = Effect.fn("loadConfig")(function*(path: string, previousVersion = 0) {
  const file = resolve(path)
  const text = yield* readText(file).pipe(
    Effect.mapError((why) =>
      new ConfigInvalid({ faults: [unreadable(path, why, "give another one with --config")] })
    )
  )
  const source = new YamlSource(path, text)
  const read = source.faults.length === 0 ? readAt(switchShape, source.root, "", source) : undefined
  if (read === undefined) return yield* new ConfigInvalid({ faults: inOrder(source.faults) })
  const settings = withAbsolutePaths(switchShape, read, dirname(file))
  const fault = (at: string, problem: string) => void source.fault(at, problem)
  checkRelations(settings, fault)
  yield* checkCertificates(settings, fault)
  const files = new NamedFiles(dirname(file))
  const framings = yield* loadFramings(settings, files, fault)
  const dialects = yield* loadDialects(settings, files, fault)
  checkSpoken(settings, dialects, fault)
  const mappings = yield* loadMappings(settings, dialects, files, fault)
  const parameters = yield* loadParameters(settings, files, fault)
  const terminals = settings.registry === "database"
    ? { profiles: [], faults: [] }
    : yield* loadTerminals(settings.terminalsFile)
  checkModuleLimits(settings, dialects, terminals.profiles, fault)
  const faults = inOrder([...source.faults, ...files.faults, ...terminals.faults])
  if (faults.length > 0) return yield* new ConfigInvalid({ faults })
  const loaded: LoadedConfig = {
    config: { ...settings, version: previousVersion + 1 },
    framings,
    dialects,
    mappings,
    parameters,
    terminals: terminals.profiles,
    digests: files.digests
  }
  return loaded
})

function unreadable(file: string, why: string, advice: string): ConfigFault {
  return { file, line: 0, path: "", problem: `cannot be read: ${why}; ${advice}` }
}

/** Every place of the file that names something to load: the name and the path of its key. */
function references(
  { listeners, upstreams }: Settings,
  key: "framing" | "dialect"
): Map<string, string> {
  const found = new Map<string, string>()
  const add = (name: string, path: string) => found.has(name) || found.set(name, path)
  listeners.forEach((listener, index) =>
    listener.kind === "iso8583" && add(listener[key], `listeners[${index}].${key}`)
  )
  upstreams.forEach((upstream, index) =>
    upstream.kind === "iso8583" && add(upstream[key], `upstreams[${index}].${key}`)
  )
  return found
}

const loadFramings = Effect.fnUntraced(
  function*(settings: Settings, files: NamedFiles, fault: OnFault) {
    const framings = new Map<string, Framing>()
    for (const [name, path] of references(settings, "framing")) {
      const framing = yield* files.load("framings", name, { path, fault }, compileFraming)
      if (framing !== undefined) framings.set(name, framing)
    }
    return framings
  }
)

const loadDialects = Effect.fnUntraced(
  function*(settings: Settings, files: NamedFiles, fault: OnFault) {
    const dialects = new Map<string, Dialect>()
    for (const [name, path] of references(settings, "dialect")) {
      const compile = (source: unknown) => compileDialect(source, dialects.size + 1)
      const dialect = yield* files.load("dialects", name, { path, fault }, compile)
      if (dialect !== undefined) dialects.set(name, dialect)
    }
    return dialects
  }
)

/** What the switch says of its own accord must be sayable in the upstream's dialect. */
function checkSpoken(
  { upstreams }: Settings,
  dialects: ReadonlyMap<string, Dialect>,
  fault: OnFault
): void {
  for (const [index, { dialect, kind, signOn }] of upstreams.entries()) {
    const spoken = kind === "iso8583" ? dialects.get(dialect) : undefined
    if (spoken === undefined) continue
    if (signOn && spoken.form("sign-on") === undefined) {
      const why = `${dialect} has no sign-on: say signOn: false, or no link comes up`
      fault(`upstreams[${index}].signOn`, why)
    }
    for (const unsaid of unsaidInReversals(spoken)) {
      const why = `${dialect} cannot reverse: ${unsaid}, which its reversal.values do not give`
      fault(`upstreams[${index}].dialect`, why)
    }
  }
}

/** One for every pair of a listener's and an upstream's dialect, or a fault. */
const loadMappings = Effect.fnUntraced(function*(
  settings: Settings,
  dialects: ReadonlyMap<string, Dialect>,
  files: NamedFiles,
  fault: OnFault
) {
  const mappings = new Map<string, Mapping>()
  const chosen = new Map<string, { readonly name: string; readonly index: number }>()
  const spoken = new Set(
    settings.listeners.filter(({ kind }) => kind === "iso8583").map(({ dialect }) => dialect)
  )
  for (const [index, upstream] of settings.upstreams.entries()) {
    if (upstream.kind !== "iso8583") continue
    for (const dialect of spoken) {
      const path = `upstreams[${index}].mappings.${dialect}`
      const from = dialects.get(dialect)
      const to = dialects.get(upstream.dialect)
      const key = `${dialect}>${upstream.dialect}`
      const name = upstream.mappings[dialect]
      const before = chosen.get(key)
      if (name !== undefined && before === undefined) chosen.set(key, { name, index })
      if (dialect === upstream.dialect) {
        if (from !== undefined) mappings.set(key, identityMapping(from))
      } else if (name === undefined) {
        fault(path, `no mapping from ${dialect} to ${upstream.dialect}, which terminals need`)
      } else if (before !== undefined) {
        if (before.name !== name) {
          fault(path, `upstreams[${before.index}] maps this pair by ${before.name}; use one`)
        }
      } else if (from !== undefined && to !== undefined) {
        const mapping = yield* files.load(
          "mappings",
          name,
          { path, fault },
          (source) => compileMapping(source, from, to)
        )
        if (mapping !== undefined) mappings.set(key, mapping)
      }
    }
  }
  return mappings
})

const loadParameters = Effect.fnUntraced(
  function*(settings: Settings, files: NamedFiles, fault: OnFault) {
    const parameters = new Map<string, ParameterSet>()
    for (const [group, name] of Object.entries(settings.parameters)) {
      const path = `parameters.${group}`
      const set = yield* files.load("parameters", name, { path, fault }, compileParameters)
      if (set !== undefined) parameters.set(group, set)
    }
    return parameters
  }
)

const loadTerminals = Effect.fnUntraced(function*(file: string) {
  const none: ReadonlyArray<TerminalProfile> = []
  const text = yield* readText(file).pipe(Effect.result)
  if (text._tag === "Failure") {
    const advice = "name another one with terminalsFile"
    return { profiles: none, faults: [unreadable(file, text.failure, advice)] }
  }
  const parsed = parseTerminals(file, text.success)
  return "faults" in parsed
    ? { profiles: none, faults: parsed.faults }
    : { profiles: parsed, faults: [] }
})
