/**
 * What the transaction station works with, handed in once by its layer: ports and pure makers.
 * Nothing here is ambient, so that the same code lives in the seeded world.
 */

import type { TimersShape } from "../actor/timers.ts"
import type { BusinessDay, TransactionId } from "../domain/brand.ts"
import type { LocalClock } from "../domain/business-day.ts"
import type { FailureCode } from "../domain/failures.ts"
import type { AdvicesShape } from "../domain/ports/advices.ts"
import type { ArchiveShape } from "../domain/ports/archive.ts"
import type { JournalShape } from "../domain/ports/journal.ts"
import type { RouterShape } from "../domain/ports/router.ts"
import type { TerminalsShape } from "../domain/ports/terminals.ts"
import type { TimeShape } from "../domain/ports/time.ts"
import type { UpstreamsShape } from "../domain/ports/upstream.ts"
import type { Sealing } from "../domain/sealing.ts"
import type { TransactionRecord } from "../domain/transaction.ts"

export interface TransactionSettings {
  /** How long an approved answer waits for its terminal to come back before it is reversed. */
  readonly deliverGraceMs: number
  /** Patience with each upstream, by its name. */
  readonly upstreamTimeoutMs: ReadonlyMap<string, number>
  /** Wallets are undone, acquirers reversed: which upstreams are wallets. */
  readonly wallets: ReadonlySet<string>
  /** A keyed token of a card number, where tokens are switched on. */
  readonly panToken?: (pan: string) => string
  /** In flight over all terminals; above it new transactions are refused as overloaded. */
  readonly maxInFlight: number
}

/** What is counted. Called synchronously, after the fact. */
export interface TransactionMeter {
  readonly ended: (record: TransactionRecord) => void
  readonly duplicate: (what: "replayed" | "joined" | "conflicting" | "stale") => void
  readonly late: (upstream: string, approved: boolean) => void
  readonly exception: (reason: string) => void
  /** Of reversals whose original has left the journal; `refused`: people were told instead. */
  readonly sought: (what: "sought" | "found" | "unknown" | "refused") => void
  /** A terminal wrote a time that is a day or more from ours; it is served all the same (K3). */
  readonly clockWrong: () => void
  /** A refusal that made no record: the message was no transaction. */
  readonly turnedAway: (failure: FailureCode) => void
}

export interface Room {
  readonly time: TimeShape
  readonly timers: TimersShape
  readonly journal: JournalShape
  readonly router: RouterShape
  readonly upstreams: UpstreamsShape
  readonly advices: AdvicesShape
  readonly terminals: TerminalsShape
  readonly archive: ArchiveShape
  readonly sealing: Sealing
  readonly nextId: (wallMs: number) => TransactionId
  readonly local: LocalClock
  /** Of an acquirer, by its name; else of the house. */
  readonly dayOf: (wallMs: number, acquirer?: string) => BusinessDay
  /** Version of the configuration that is in force. */
  readonly configVersion: () => number
  readonly settings: TransactionSettings
  readonly meter: TransactionMeter
}
