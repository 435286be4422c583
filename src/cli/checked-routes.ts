/** The routing table of a configuration, for verbs; its faults are those of the file. */

import { readFileSync } from "node:fs"
import { faultLine } from "../config/config-invalid.ts"
import { YamlSource } from "../config/yaml-source.ts"
import type { SwitchConfig } from "../domain/config.ts"
import { compileRoutes, type RouteTable } from "../route/route-table.ts"
import { Refusal } from "./verb.ts"

/** Throws a {@link Refusal} that names every fault with its line. */
export function checkedRoutes(path: string, config: SwitchConfig): RouteTable {
  const upstreams = new Set(config.upstreams.map(({ name }) => name))
  const table = compileRoutes(config.routes, upstreams, config.version)
  if ("decide" in table) return table
  const source = new YamlSource(path, readFileSync(path, "utf8"))
  for (const fault of table) source.fault(fault.path, fault.problem)
  throw new Refusal(1, source.faults.map(faultLine).join("\n"))
}
