/** Dialects and framings by name for verbs: those that come along, or a file. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { faultLine } from "../config/config-invalid.ts"
import { bundledFolder } from "../config/named-files.ts"
import { suggestion } from "../config/suggest.ts"
import { YamlSource } from "../config/yaml-source.ts"
import type { SourceFault } from "../domain/source-fault.ts"
import { compileFraming } from "../frame/compile.ts"
import type { Framing } from "../frame/framing.ts"
import { compileMapping } from "../iso8583/compile-mapping.ts"
import { compileDialect } from "../iso8583/compile.ts"
import type { CompiledDialect } from "../iso8583/dialect.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import { Refusal } from "./verb.ts"

type Folder = "dialects" | "framings" | "mappings"

/** Names of what comes along. */
export function bundledNames(folder: Folder): Array<string> {
  return readdirSync(join(bundledFolder, folder))
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .toSorted()
}

/** Throws a {@link Refusal} with every fault of the file. */
export function dialectOf(name: string, number = 1): CompiledDialect {
  return compiled("dialects", name, (source) => compileDialect(source, number))
}

export function framingOf(name: string): Framing {
  return compiled("framings", name, compileFraming)
}

export function mappingOf(name: string, from: CompiledDialect, to: CompiledDialect): Mapping {
  return compiled("mappings", name, (source) => compileMapping(source, from, to))
}

function compiled<A extends object>(
  folder: Folder,
  name: string,
  compile: (source: unknown) => A | ReadonlyArray<SourceFault>
): A {
  const isFile = /\.ya?ml$/.test(name) || name.includes("/")
  const file = isFile ? name : join(bundledFolder, folder, `${name}.yaml`)
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch {
    const known = bundledNames(folder)
    const near = isFile ? "" : `${suggestion(name, known)} There are ${known.join(", ")}`
    throw new Refusal(2, `${name}: no such ${folder.slice(0, -1)}.${near}`)
  }
  const source = new YamlSource(file, text)
  const result = source.faults.length === 0 ? compile(source.plain()) : []
  if (!Array.isArray(result)) return result as A
  for (const fault of result as ReadonlyArray<SourceFault>) source.fault(fault.path, fault.problem)
  throw new Refusal(1, source.faults.map(faultLine).join("\n"))
}
