/**
 * The faces that the admin listener shows, made from the stations: what is asked for is read from
 * them, what may be done is done by them. Nothing is kept here.
 */

import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { AdminFaces, ReloadReport, TransactionQuery, Unavailable } from "../admin/faces.ts"
import { obstacles } from "../admin/readiness.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { consoleFiles } from "../console/console.ts"
import { merchantIdOf, terminalIdOf, type TransactionId } from "../domain/brand.ts"
import { Advices } from "../domain/ports/advices.ts"
import { Journal, type JournalHealth } from "../domain/ports/journal.ts"
import { LedgerHealth, type LedgerUnavailable } from "../domain/ports/ledger.ts"
import { Terminals } from "../domain/ports/terminals.ts"
import { Transactions } from "../domain/ports/transactions.ts"
import { Upstreams } from "../domain/ports/upstream.ts"
import { openExceptions, resolveException } from "../ledger/exceptions.ts"
import { searchTransactions } from "../ledger/search.ts"
import { Observatory } from "../observe/observatory.ts"
import { SessionsView, type SessionsViewShape } from "../session/sessions-view.ts"
import { UpstreamControl } from "../upstream/upstreams.ts"
import { auditedFaces, operator } from "./audited-faces.ts"
import { BackOffice } from "./back-office.ts"
import { keepBusinessDay } from "./business-day-in-force.ts"
import { readInLab } from "./message-lab.ts"

interface SwitchControls {
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
  const { metrics, onScrape, scrape } = yield* Observatory
  const { audit, recordable } = yield* BackOffice
  const businessDay = yield* keepBusinessDay(controls.loaded())
  const database = yield* Effect.context<PgClient.PgClient>()
  const asked = <A>(question: Effect.Effect<A, LedgerUnavailable, PgClient.PgClient>) =>
    Effect.mapError(Effect.provideContext(question, database), () => away)
  const faces: AdminFaces = {
    scrape,
    recordable,
    readiness: {
      draining: controls.isDraining,
      listening: () => sessions.listeners().length > 0,
      journal: () => journal.health(),
      upstreams: () => upstreams.status()
    },
    health: () => {
      const { config } = controls.loaded()
      return {
        node: config.node,
        configVersion: config.version,
        businessDay: businessDay(),
        terminals: terminals.count(),
        sessions: sessions.counts(),
        inFlight: transactions.inFlight(),
        journal: journalFace(journal.health()),
        ledger: ledger.status(),
        advices: Object.fromEntries(advices.pending())
      }
    },
    sessions: sessionFace(sessions),
    serials: {
      list: (terminal, limit) => sessions.serials(limit, terminal),
      forget: (terminal, sameDevice) => forgetSerial(sessions, terminal, sameDevice)
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
      list: (limit) => asked(openExceptions(limit)),
      resolve: (id, note) => asked(resolveException(id, operator, note))
    },
    transactions: { search: (query) => asked(searchTransactions(questionOf(query))) },
    console: consoleFiles,
    lab: { decode: (hex) => readInLab(controls.loaded(), hex) },
    reload: controls.reload,
    drain: controls.drain
  }
  onScrape(() => metrics.ready.of().set(obstacles(faces.readiness).length === 0 ? 1 : 0))
  return auditedFaces(faces, audit)
})

function journalFace(health: JournalHealth) {
  const { bytes, commitP50Ms, commitP99Ms, feedPending, givenUp, level, maxBytes, mode } = health
  // A hundredth of a millisecond is finer than anybody asks.
  const rounded = (ms: number): number => Math.round(ms * 100) / 100
  return {
    mode,
    givenUp,
    level,
    bytes,
    maxBytes,
    feedPending,
    commitP50Ms: rounded(commitP50Ms),
    commitP99Ms: rounded(commitP99Ms)
  }
}

function sessionFace(sessions: SessionsViewShape): AdminFaces["sessions"] {
  return {
    list: (terminal, limit) => {
      if (terminal === undefined) return sessions.list(limit)
      const found = sessions.find(terminal)
      return found === undefined ? [] : [found]
    },
    ended: (terminal, limit) =>
      sessions.ended().filter((each) =>
        terminal === undefined ||
        each.terminal?.trim() === terminal.trim()
      ).slice(-limit).toReversed(),
    close: (terminal) => sessions.close(terminal)
  }
}

/** True once it is durable; no question of that terminal comes before it. */
const forgetSerial = (sessions: SessionsViewShape, terminal: string, sameDevice: boolean) =>
  Effect.callback<boolean, Unavailable>((resume) => {
    const found = sessions.forgetSerial(
      terminal,
      sameDevice,
      (failure) => resume(failure === undefined ? Effect.succeed(true) : Effect.fail(unwritten))
    )
    if (!found) resume(Effect.succeed(false))
  })

const unwritten: Unavailable = {
  advice: "the journal takes nothing: restart the switch, and ask again"
}

const away: Unavailable = {
  advice: "PostgreSQL does not answer; ask again when it is back"
}

/** As people type it; terminals and merchants are kept with their padding. */
function questionOf({ id, merchant, terminal, ...rest }: TransactionQuery) {
  return {
    ...rest,
    ...(terminal === undefined ? {} : { terminal: terminalIdOf(terminal) }),
    ...(merchant === undefined ? {} : { merchant: merchantIdOf(merchant) }),
    ...(id === undefined ? {} : { id: id as TransactionId })
  }
}
