/**
 * A configuration as it is after loading: checked, with every file it names read and compiled.
 * Immutable; a reload makes a new one under the next version (I10).
 */

import type { SwitchConfig } from "../domain/config.ts"
import type { ParameterSet } from "../domain/parameters.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import type { Framing } from "../frame/framing.ts"
import type { Mapping } from "../iso8583/mapping.ts"
import type { Dialect } from "../iso8583/message.ts"

/** What the file says; the version is the loader's. */
export type Settings = Omit<SwitchConfig, "version">

export interface LoadedConfig {
  readonly config: SwitchConfig
  readonly dialects: ReadonlyMap<string, Dialect>
  readonly framings: ReadonlyMap<string, Framing>
  /** By terminal dialect and upstream dialect: `cup-pos>iso87-ascii`. The same dialect included. */
  readonly mappings: ReadonlyMap<string, Mapping>
  /** What terminals may download, by their group. */
  readonly parameters: ReadonlyMap<string, ParameterSet>
  /** The terminals file, every line checked; none where the registry is PostgreSQL. */
  readonly terminals: ReadonlyArray<TerminalProfile>
  /** SHA-256 of each dialect, framing and mapping file, by `dialects/cup-pos.yaml`. */
  readonly digests: ReadonlyMap<string, string>
}

/** One mistake, with its place in the file. */
export interface ConfigFault {
  readonly file: string
  /** 1-based; 0 when the whole file is meant. */
  readonly line: number
  /** As `upstreams[1].breaker.openMs`. */
  readonly path: string
  readonly problem: string
}
