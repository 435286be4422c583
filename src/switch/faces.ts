/**
 * The faces that the admin listener shows, made from the stations: what is asked for is read from
 * them, what may be done is done by them. Nothing is kept here.
 */

import { Effect } from "effect"
import type { AdminFaces, ReloadReport } from "../admin/faces.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { Advices } from "../domain/ports/advices.ts"
import { Journal } from "../domain/ports/journal.ts"
import { LedgerHealth } from "../domain/ports/ledger.ts"
import { Terminals } from "../domain/ports/terminals.ts"
import { Transactions } from "../domain/ports/transactions.ts"
import { Upstreams } from "../domain/ports/upstream.ts"
import { Observatory } from "../observe/observatory.ts"
import { SessionsView } from "../session/sessions-view.ts"
import { UpstreamControl } from "../upstream/upstreams.ts"

export interface SwitchControls {
  readonly loaded: () => LoadedConfig
  readonly reload: Effect.Effect<ReloadReport>
  readonly isDraining: () => boolean
  readonly drain: Effect.Effect<void>
}

export const makeFaces = Effect.fnUntraced(function*(controls: SwitchControls) {
  const journal = yield* Journal
  const upstreams = yield* Upstreams
  const control = yield* UpstreamControl
  const sessions = yield* SessionsView
  const advices = yield* Advices
  const transactions = yield* Transactions
  const ledger = yield* LedgerHealth
  const terminals = yield* Terminals
  const { scrape } = yield* Observatory
  const faces: AdminFaces = {
    scrape,
    readiness: {
      recovered: () => true,
      draining: controls.isDraining,
      listening: () => sessions.listeners().length > 0,
      journal: () => journal.health(),
      upstreams: () => upstreams.status()
    },
    health: () => {
      const { bytes, commitP50Ms, commitP99Ms, feedPending, givenUp, level, maxBytes, mode } =
        journal.health()
      const { config } = controls.loaded()
      return {
        node: config.node,
        configVersion: config.version,
        terminals: terminals.count(),
        sessions: sessions.counts(),
        inFlight: transactions.inFlight(),
        journal: { mode, givenUp, level, bytes, maxBytes, feedPending, commitP50Ms, commitP99Ms },
        ledger: ledger.status(),
        advices: Object.fromEntries(advices.pending())
      }
    },
    sessions: {
      list: (terminal, limit) => {
        if (terminal === undefined) return sessions.list(limit)
        const found = sessions.find(terminal)
        return found === undefined ? [] : [found]
      },
      ended: (terminal, limit) =>
        sessions.closed().filter((each) =>
          terminal === undefined ||
          each.terminal?.trim() === terminal.trim()
        ).slice(-limit).toReversed(),
      close: (terminal) => sessions.disconnect(terminal)
    },
    upstreams: {
      list: () => upstreams.status(),
      force: (upstream, to) => control.force(upstream, to),
      drain: (upstream, link) => control.drain(upstream, link),
      resume: (upstream, link) => control.resume(upstream, link)
    },
    advices: {
      list: (limit) =>
        Array.from(journal.entries("advices"), ([, advice]) => advice).slice(0, limit)
    },
    exceptions: {
      list: () => Effect.fail(unanswered),
      resolve: () => Effect.fail(unanswered)
    },
    transactions: { search: () => Effect.fail(unanswered) },
    reload: controls.reload,
    drain: controls.drain
  }
  return faces
})

const unanswered = { _tag: "LedgerUnavailable", advice: "PostgreSQL is away" } as const
