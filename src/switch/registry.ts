/**
 * The registry of terminals when it is PostgreSQL (`registry: database`). What must hold: the
 * switch starts without the database, on the snapshot that the journal keeps; what PostgreSQL says
 * comes into force whole or not at all, and an empty registry never replaces one that is there.
 *
 *     estate import ─► PostgreSQL ─► read at start, and at every reload ─► in force ─► snapshot
 *                                                    journal's snapshot ───┘ (at start)
 */

import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { faultLine } from "../config/config-invalid.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { parseTerminals } from "../config/terminals-file.ts"
import { terminalsText } from "../config/terminals-text.ts"
import type { JournalShape, JournalWrite } from "../domain/ports/journal.ts"
import type { LedgerUnavailable } from "../domain/ports/ledger.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { readEstate } from "../ledger/estate-rows.ts"

type Profiles = ReadonlyArray<TerminalProfile>

/** In the journal's table `state`: how many pieces there are, and each piece. */
const headKey = "estate"
const pieceKey = (piece: number) => `estate:${piece}`
/** Terminals in one record of the journal. */
const pieceSize = 1000

const retryMs = 5_000

function snapshotOf(journal: Pick<JournalShape, "get">): Profiles {
  const count = journal.get("state", headKey)
  if (typeof count !== "number") return []
  return Array.from({ length: count }, (_, piece) => journal.get("state", pieceKey(piece)))
    .flatMap((text) => {
      const read = typeof text === "string" ? parseTerminals(headKey, text) : []
      return "faults" in read ? [] : read
    })
}

/** All of it in one write: a snapshot is whole, or it is the one before. */
export function noteSnapshot(
  journal: Pick<JournalShape, "get" | "note">,
  profiles: Profiles
): void {
  const before = journal.get("state", headKey)
  const count = Math.ceil(profiles.length / pieceSize)
  const writes: Array<JournalWrite> = [{ table: "state", key: headKey, value: count }]
  for (let piece = 0; piece < Math.max(count, Number(before ?? 0)); piece++) {
    const part = profiles.slice(piece * pieceSize, (piece + 1) * pieceSize)
    const value = part.length === 0 ? undefined : terminalsText(part)
    writes.push({ table: "state", key: pieceKey(piece), value })
  }
  journal.note(writes, [])
}

export function isDatabase({ config }: LoadedConfig): boolean {
  return config.registry === "database"
}

/** The configuration with the terminals that are in force at a start. */
export function withSnapshot(
  journal: Pick<JournalShape, "get">,
  loaded: LoadedConfig
): LoadedConfig {
  return isDatabase(loaded) ? { ...loaded, terminals: snapshotOf(journal) } : loaded
}

/** What PostgreSQL has, or why it cannot come into force, in words. */
type Registry =
  | { readonly terminals: Profiles }
  | { readonly problems: ReadonlyArray<string> }

export const readRegistry: Effect.Effect<Registry, LedgerUnavailable, PgClient.PgClient> = Effect
  .map(readEstate, (read) => {
    if ("faults" in read) return { problems: read.faults.map(faultLine) }
    return read.length === 0
      ? { problems: ["nobody is registered: `pointsman estate import` brings terminals"] }
      : { terminals: read }
  })

/** At a start: asks until PostgreSQL answers, and hands on what it says. */
export const followRegistry = Effect.fnUntraced(
  function*(take: (terminals: Profiles) => void) {
    for (;;) {
      const read = yield* Effect.result(readRegistry)
      if (read._tag === "Success") {
        const registry = read.success
        if ("terminals" in registry) return take(registry.terminals)
        yield* Effect.logWarning("registry-refused", { problems: registry.problems })
        return
      }
      yield* Effect.sleep(retryMs)
    }
  }
)
