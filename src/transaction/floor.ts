/**
 * What the station holds in memory: transactions in flight by terminal and by id, the recent
 * window, and answers that wait for their terminal to come back. Everything here can be rebuilt
 * from the journal.
 */

import type { Timer } from "../actor/timer-wheel.ts"
import type { TerminalId, TransactionId } from "../domain/brand.ts"
import type { Draft } from "../domain/draft.ts"
import { invariant } from "../domain/invariant.ts"
import type { ArchiveQuestion } from "../domain/ports/archive.ts"
import type { JournalWrite } from "../domain/ports/journal.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { TurnoverMap } from "../domain/turnover-map.ts"
import { InFlight } from "./in-flight.ts"
import type { Life } from "./life.ts"
import type { Remembered } from "./recent-window.ts"
import { RecentTransactions } from "./recent.ts"
import { StanMarks } from "./stan-marks.ts"

export class Floor {
  readonly inFlight = new InFlight()
  readonly byId = new TurnoverMap<TransactionId, Life>()
  /** Wait for their PIN or their original: in flight, and in no journal and no window yet. */
  readonly unwritten = new Set<Life>()
  readonly recent = new RecentTransactions()
  /** Approved answers that no live socket took, until their grace ends. */
  readonly graces = new Map<TransactionId, Timer>()
  /** Reversals whose original PostgreSQL is asked for, with the question. */
  readonly sought = new Map<TransactionId, ArchiveQuestion>()
  /** Pay-code attempts in the journal, by their order number at the wallet. */
  readonly #references = new Map<string, TransactionId>()
  /** Fell out of the window while still owing something; removed from the journal at their end. */
  readonly #overdue = new Map<TransactionId, Remembered>()
  /** The same by terminal; who has none has no set. */
  readonly #overdueOf = new Map<string, Set<Remembered>>()

  /** How far the upstreams' numbers are known to have gone. */
  readonly stanMarks = new StanMarks()

  enter(life: Life): void {
    this.inFlight.add(life)
    this.byId.set(life.record.id, life)
  }

  /**
   * What the journal has of a terminal: its window from the newest on, then what fell out of it and
   * still owes something. A few may have gone meanwhile.
   */
  *ofTerminal(terminal: TerminalId): Generator<Remembered> {
    yield* this.recent.of(terminal)
    yield* this.#overdueOf.get(terminal) ?? []
  }

  /** The attempt that a wallet knows by this order number. */
  byReference(order: string): TransactionId | undefined {
    return this.#references.get(order)
  }

  leave(life: Life): void {
    this.inFlight.remove(life)
    this.byId.delete(life.record.id)
  }

  /**
   * Remembers a transaction as the terminal's newest; the removal of what it pushed out is among
   * `writes` then.
   */
  remember(
    record: Remembered,
    isOwing: (id: TransactionId) => boolean,
    writes: Array<JournalWrite>
  ): void {
    if (record.walletReference !== undefined) {
      this.#references.set(record.walletReference, record.id)
    }
    for (const fallen of this.recent.add(record)) this.#fell(fallen, isOwing, writes)
  }

  /** It goes on to another upstream, under another number there or none. */
  renumber({ id, key, terminal, walletReference }: TransactionRecord): void {
    const entry: Draft<Remembered> | undefined = this.#overdue.get(id) ??
      this.recent.window(terminal)?.find(key)
    invariant(entry !== undefined, "what went out before is remembered")
    if (entry.walletReference !== undefined) this.#references.delete(entry.walletReference)
    delete entry.walletReference
    if (walletReference === undefined) return
    entry.walletReference = walletReference
    this.#references.set(walletReference, id)
  }

  /** A reference that the journal held when we started. */
  refer(walletReference: string, id: TransactionId): void {
    this.#references.set(walletReference, id)
  }

  /** Reads one restored window; returns the removals of what is outside, or that all are read. */
  readNext(isOwing: (id: TransactionId) => boolean): Array<JournalWrite> | "all-read" {
    const fallen = this.recent.readNext()
    if (fallen === "all-read") return fallen
    const writes: Array<JournalWrite> = []
    for (const each of fallen) this.#fell(each, isOwing, writes)
    return writes
  }

  #fell(
    fallen: Remembered,
    isOwing: (id: TransactionId) => boolean,
    writes: Array<JournalWrite>
  ): void {
    if (this.byId.has(fallen.id) || isOwing(fallen.id)) this.#keep(fallen)
    else writes.push(this.#removal(fallen))
  }

  #keep(fallen: Remembered): void {
    this.#overdue.set(fallen.id, fallen)
    const others = this.#overdueOf.get(fallen.terminal)
    if (others === undefined) this.#overdueOf.set(fallen.terminal, new Set([fallen]))
    else others.add(fallen)
  }

  /**
   * The journal's copy of a record that has come to its end: the record itself while it is in the
   * window, its removal when it fell out meanwhile.
   */
  settled(record: TransactionRecord): JournalWrite {
    const [removed] = this.released(record.id)
    return removed ?? { table: "transactions", key: record.id, value: record }
  }

  /** The same for a record that does not change: nothing, or its removal. */
  released(id: TransactionId): Array<JournalWrite> {
    const overdue = this.#overdue.size === 0 ? undefined : this.#overdue.get(id)
    if (overdue === undefined || this.sought.has(id)) return []
    this.#overdue.delete(id)
    const others = this.#overdueOf.get(overdue.terminal)
    others?.delete(overdue)
    if (others?.size === 0) this.#overdueOf.delete(overdue.terminal)
    return [this.#removal(overdue)]
  }

  #removal({ id, walletReference }: Remembered): JournalWrite {
    if (walletReference !== undefined) this.#references.delete(walletReference)
    return { table: "transactions", key: id, value: undefined }
  }
}
