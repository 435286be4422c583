/** Why a configuration was refused: every fault at once, each with its place. */

import { Schema } from "effect"
import type { ConfigFault } from "./loaded.ts"

const Fault = Schema.Struct({
  file: Schema.String,
  line: Schema.Int,
  path: Schema.String,
  problem: Schema.String
})

export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  faults: Schema.Array(Fault)
}) {
  override get message(): string {
    return this.faults.map(faultLine).join("\n")
  }
}

/** `pointsman.yaml:12: upstreams[0].timeoutMs: 70000 is above …`, as compilers and editors do. */
export function faultLine({ file, line, path, problem }: ConfigFault): string {
  const place = line === 0 ? file : `${file}:${line}`
  return `${place}: ${path === "" ? "" : `${path}: `}${problem}`
}

/** Faults of each file by line, files in the order in which they came up. */
export function inOrder(faults: ReadonlyArray<ConfigFault>): ReadonlyArray<ConfigFault> {
  const files = [...new Set(faults.map(({ file }) => file))]
  return faults.toSorted((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line)
}
