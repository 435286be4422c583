/**
 * What the session house is told beside its settings: who keeps the terminals' books, who hears of
 * impostors, and which keys a terminal has from the start.
 */

import { Effect } from "effect"
import type { LoadedConfig } from "../config/loaded.ts"
import { Transactions } from "../domain/ports/transactions.ts"
import { Observatory } from "../observe/observatory.ts"
import type { KeyStore } from "../security/key-store.ts"
import type { AuditEvent, SessionMeter } from "../session/house.ts"
import { BackOffice } from "./back-office.ts"
import { sessionOptions } from "./options.ts"

export const sessionHooks = Effect.fnUntraced(
  function*(loaded: LoadedConfig, store: KeyStore, meter: SessionMeter) {
    const { lines } = yield* Observatory
    const { audit, settlement } = yield* BackOffice
    const transactions = yield* Transactions
    const settle = yield* settlement({
      held: (terminal) => transactions.recent(terminal),
      decided: (doubts) => transactions.decide(doubts)
    })
    return sessionOptions(loaded, store, {
      meter,
      audit: (event: AuditEvent) => {
        lines.write("warn", "audit", { ...event })
        audit(entryOf(event))
      },
      ...(settle === undefined ? {} : { settle })
    })
  }
)

function entryOf({ listener, merchant, remote, terminal, what }: AuditEvent) {
  return {
    actor: terminal.trim(),
    origin: remote,
    action: what === "key-download" ? what : `refused: ${what}`,
    target: listener,
    outcome: what === "key-download" ? "done" as const : "refused" as const,
    detail: merchant === "" ? "" : `merchant ${merchant.trim()}`
  }
}
