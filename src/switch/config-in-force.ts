/**
 * Under which version a configuration is in force. What must hold: two configurations that differ
 * never have the same version, across restarts too, because every transaction names the one it was
 * handled under (I10); so the journal remembers the last version and what it was. Only a journal
 * that was given up as lost begins again at 1.
 */

import { Effect, Layer } from "effect"
import { configDigest } from "../config/changes.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { Journal, type JournalShape } from "../domain/ports/journal.ts"
import { routesLayer } from "../route/router.ts"
import { withSnapshot } from "./registry.ts"

/** In the journal's table `state`. */
const key = "configuration"

interface Remembered {
  readonly version: number
  readonly digest: string
}

/** The same content keeps its version; anything else has the next one. */
function versionOf(
  journal: Pick<JournalShape, "get">,
  loaded: LoadedConfig,
  digest: string
): number {
  const held = journal.get("state", key) as Remembered | undefined
  if (held === undefined) return loaded.config.version
  return held.digest === digest ? held.version : Math.max(loaded.config.version, held.version + 1)
}

/** Every reload is noted before it decides anything for long. */
export function noteInForce(journal: Pick<JournalShape, "note">, loaded: LoadedConfig): void {
  note(journal, { version: loaded.config.version, digest: configDigest(loaded) })
}

function note(journal: Pick<JournalShape, "note">, value: Remembered): void {
  journal.note([{ table: "state", key, value }], [])
}

/** The router of a start, under the version that the journal gives it, and noted like a reload. */
export const routesInForce = (loaded: LoadedConfig) =>
  Layer.unwrap(Effect.map(Journal, (journal) => {
    const whole = withSnapshot(journal, loaded)
    const digest = configDigest(whole)
    const version = versionOf(journal, whole, digest)
    note(journal, { version, digest })
    return routesLayer({ ...loaded.config, version })
  }))
