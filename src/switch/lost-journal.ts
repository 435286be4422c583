/**
 * Is this a first start, or was a journal lost? When the folder is empty and PostgreSQL has marks
 * of this node, money may be in doubt that nobody would ever reverse: the start is refused (D6).
 */

import { Effect, Layer } from "effect"
import type { SwitchConfig } from "../domain/config.ts"
import { isJournal } from "../journal/disk-store.ts"
import { hasDatabase, knowsNode, visitorDatabaseLayer } from "../ledger/ledger.ts"
import { machineClock } from "../listen/machine-time.ts"
import { operator } from "./audited-faces.ts"

/** True: PostgreSQL knows this node, and its journal is not there. */
export const isJournalLost = (
  { journal, ledger, node }: SwitchConfig
): Effect.Effect<boolean> => {
  if (isJournal(journal.path)) return Effect.succeed(false)
  if (!hasDatabase(ledger)) return Effect.succeed(false)
  const database = visitorDatabaseLayer(ledger).pipe(Layer.provide(machineClock))
  return knowsNode(node).pipe(Effect.provide(database), Effect.orElseSucceed(() => false))
}

/** What the audit log says of an operator who went on without the journal. */
export const journalLostEntry = {
  actor: operator,
  origin: "start --journal-lost",
  action: "journal.lost",
  target: "journal",
  outcome: "done",
  detail: "started on an empty journal although PostgreSQL may know this node"
} as const
