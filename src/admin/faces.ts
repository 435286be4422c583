/**
 * What the admin listener shows and does, as structural shapes that the wiring fills in. Stations
 * are not known here.
 */

import type { Effect } from "effect"
import type { HttpResponse } from "../domain/ports/http.ts"
import type { Readiness } from "./readiness.ts"

/** Something to show; what is not JSON, and every byte string, is left out. */
export type Row = object

export interface ReloadReport {
  readonly version: number
  /** What changed, as `routes.tea added`. */
  readonly changes: ReadonlyArray<string>
  /** Why it was refused, a line each; empty: it was applied. */
  readonly refused: ReadonlyArray<string>
}

export interface TransactionQuery {
  readonly id?: string
  readonly rrn?: string
  readonly stan?: string
  readonly terminal?: string
  readonly merchant?: string
  /** Minor units. */
  readonly amount?: number
  readonly day?: string
  readonly limit: number
}

export interface AdminFaces {
  readonly scrape: () => string
  readonly readiness: Readiness
  /** False: the audit log takes no entry, and so nothing is done here (fault D8). */
  readonly recordable: () => boolean
  /** Journal mode, versions, invariants that were given up. */
  readonly health: () => Row
  readonly sessions: {
    readonly list: (terminal: string | undefined, limit: number) => ReadonlyArray<Row>
    /** The last ends with their reasons, newest first. */
    readonly ended: (terminal: string | undefined, limit: number) => ReadonlyArray<Row>
    /** False: that terminal has no session. */
    readonly close: (terminal: string) => boolean
  }
  readonly serials: {
    /** DUKPT devices by their terminals. */
    readonly list: (terminal: string | undefined, limit: number) => ReadonlyArray<Row>
    /** False: that terminal has no device. */
    readonly forget: (terminal: string, sameDevice: boolean) => Effect.Effect<boolean, Unavailable>
  }
  readonly upstreams: {
    readonly list: () => ReadonlyArray<Row>
    /** False: no such upstream, or no such link. */
    readonly force: (upstream: string, to: "open" | "closed" | "auto") => boolean
    readonly drain: (upstream: string, link: number) => boolean
    readonly resume: (upstream: string, link: number) => boolean
  }
  readonly advices: { readonly list: (limit: number) => ReadonlyArray<Row> }
  readonly exceptions: {
    readonly list: (limit: number) => Effect.Effect<ReadonlyArray<Row>, Unavailable>
    /** False: no open exception has this id. */
    readonly resolve: (id: string, note: string) => Effect.Effect<boolean, Unavailable>
  }
  readonly transactions: {
    readonly search: (query: TransactionQuery) => Effect.Effect<ReadonlyArray<Row>, Unavailable>
  }
  /** The files of the console, by path. */
  readonly console: ReadonlyMap<string, HttpResponse>
  readonly lab: {
    /** A message by the configured dialects, masked; undefined: it is not readable as hex. */
    readonly decode: (hex: string) => Row | undefined
  }
  readonly reload: Effect.Effect<ReloadReport>
  /** Begins the drain; the process ends when it is over. */
  readonly drain: Effect.Effect<void>
}

/** PostgreSQL or the journal is away and the question needs it; `advice` says so in one line. */
export interface Unavailable {
  readonly advice: string
}
