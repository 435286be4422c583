/**
 * A ledger in memory with PostgreSQL's semantics, for the seeded world: all or nothing, forward
 * only, contradictions named, and on command away, slow, refusing a row, losing an acknowledgement
 * after the commit, or taken over by a replica that lacks the last batches.
 */

import { Context, Effect, Layer } from "effect"
import type { ArchiveQuestion } from "../domain/ports/archive.ts"
import type { LedgerEntry } from "../domain/ports/journal.ts"
import {
  type LedgerMark,
  LedgerRejected,
  LedgerStore,
  LedgerUnavailable,
  type LedgerWritten
} from "../domain/ports/ledger.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import type { Newest } from "./archive.ts"
import { BatchBooks, mostCloses } from "./batch-books.ts"
import { ledgerTables, rowsByTable, type TableName } from "./batch-statement.ts"

type Rows = { readonly [E in LedgerEntry as E["table"]]: E["row"] }

interface MemoryLedgerShape {
  /** How far each lane has come; empty: it knows nothing of the node. */
  readonly marks: ReadonlyMap<number, number>
  readonly rows: <T extends TableName>(table: T) => ReadonlyArray<Rows[T]>
  /** True: every call fails as if there were no server. */
  readonly away: (isAway: boolean) => void
  readonly slow: (delayMs: number) => void
  /** Rows that are never taken; undefined: all are. */
  readonly refuse: (isBad: ((entry: LedgerEntry) => boolean) | undefined) => void
  /** The next `count` batches are committed, and their writer hears of a broken connection. */
  readonly loseAcknowledgements: (count: number) => void
  /**
   * Forgets the last `count` batches, marks included, as a replica that was behind: but none that
   * was committed up to `sinceMs` on the monotonic clock, because every replica has it by then.
   */
  readonly failOver: (count: number, sinceMs?: number) => void
  /** Changes a row that stands, as nobody may. */
  readonly alter: <T extends TableName>(table: T, key: string, change: Partial<Rows[T]>) => void
}

/** The handle of the world on its ledger. */
export class MemoryLedger extends Context.Service<MemoryLedger, MemoryLedgerShape>()(
  "pointsman/ledger/MemoryLedger"
) {}

type Undo = () => void

/** Batches that a fail-over can take back. */
const maxUndos = 1000

class Books implements MemoryLedgerShape {
  readonly #tables = new Map<TableName, Map<string, LedgerEntry["row"]>>()
  readonly marks = new Map<number, number>()
  readonly #undos: Array<{ readonly atMs: number; readonly undo: ReadonlyArray<Undo> }> = []
  isAway = false
  delayMs = 0
  #isBad: ((entry: LedgerEntry) => boolean) | undefined
  #losses = 0

  rows<T extends TableName>(table: T): ReadonlyArray<Rows[T]> {
    return [...this.#table(table).values()] as Array<Rows[T]>
  }

  away(isAway: boolean): void {
    this.isAway = isAway
  }

  slow(delayMs: number): void {
    this.delayMs = delayMs
  }

  refuse(isBad: ((entry: LedgerEntry) => boolean) | undefined): void {
    this.#isBad = isBad
  }

  loseAcknowledgements(count: number): void {
    this.#losses = count
  }

  failOver(count: number, sinceMs = Number.NEGATIVE_INFINITY): void {
    for (let batch = 0; batch < count; batch++) {
      const last = this.#undos.at(-1)
      if (last === undefined || last.atMs <= sinceMs) return
      this.#undos.pop()
      for (const undo of last.undo.toReversed()) undo()
    }
  }

  alter(table: TableName, key: string, change: object): void {
    const rows = this.#table(table)
    const row = rows.get(key)
    // The fields of a row of the same table.
    if (row !== undefined) rows.set(key, { ...row, ...change } as LedgerEntry["row"])
  }

  commit(
    entries: ReadonlyArray<LedgerEntry>,
    mark: LedgerMark | undefined,
    atMs: number
  ): LedgerWritten | LedgerRejected | LedgerUnavailable {
    if (entries.some((entry) => this.#isBad?.(entry) === true)) {
      return new LedgerRejected({ reason: "refused on command" })
    }
    const undos: Array<Undo> = []
    const conflicts: Array<string> = []
    let count = 0
    for (const { rows, table } of rowsByTable(entries)) {
      const { contradicts, forward, identity, isFurther } = ledgerTables[table]
      for (const row of rows) {
        const key = identity(row)
        const held = this.#table(table).get(key)
        if (held !== undefined && contradicts(row, held)) conflicts.push(`${table}:${key}`)
        else if (held === undefined || (forward !== undefined && isFurther(row, held))) {
          undos.push(set(this.#table(table), key, row))
          count++
        }
      }
    }
    const heldMarks = new Map(this.marks)
    if (mark !== undefined) {
      const held = heldMarks.get(mark.lane) ?? 0
      const moves = mark.sequence > held && held >= (mark.after ?? 0)
      if (moves) undos.push(set(this.marks, mark.lane, mark.sequence))
    }
    this.#undos.push({ atMs, undo: undos })
    if (this.#undos.length > maxUndos) this.#undos.shift()
    if (this.#losses > 0) {
      this.#losses--
      return new LedgerUnavailable({ reason: "connection" })
    }
    return { rows: count, conflicts, heldMarks }
  }

  #table(table: TableName): Map<string, LedgerEntry["row"]> {
    let rows = this.#tables.get(table)
    if (rows === undefined) this.#tables.set(table, rows = new Map())
    return rows
  }
}

/** Sets, and returns how to undo it. */
function set<K, V>(map: Map<K, V>, key: K, value: V): Undo {
  const held = map.get(key)
  map.set(key, value)
  return () => {
    if (held === undefined) map.delete(key)
    else map.set(key, held)
  }
}

const monotonicMs = Effect.clockWith((clock) =>
  Effect.sync(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
)

const away = Effect.fail(new LedgerUnavailable({ reason: "connection" }))

/** A ledger that outlives whoever writes to it: the store, and the handle on it. */
export function makeMemoryLedger(): {
  readonly store: LedgerStore["Service"]
  readonly ledger: MemoryLedgerShape
  readonly books: BatchBooks["Service"]
  readonly newest: Newest<never>
} {
  const ledger = new Books()
  /** A call that finds nobody, or takes its time. */
  const called = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | LedgerUnavailable> => {
      if (ledger.isAway) return away
      return ledger.delayMs === 0 ? effect : Effect.delay(effect, ledger.delayMs)
    })
  const store = LedgerStore.of({
    write: (entries, mark) =>
      called(Effect.flatMap(monotonicMs, (atMs) => {
        const result = ledger.commit(entries, mark, atMs)
        return "_tag" in result ? Effect.fail(result) : Effect.succeed(result)
      })),
    marks: called(Effect.sync(() => new Map(ledger.marks)))
  })
  const books = BatchBooks.of({
    rows: ({ batch, sinceMs, terminal }) =>
      called(
        Effect.sync(() =>
          ledger.rows("transactions").filter((row) =>
            row.terminal === terminal && (batch === undefined || row.batch === batch) &&
            row.times.receivedMs >= sinceMs
          )
        )
      ),
    closes: (terminal) =>
      called(Effect.sync(() => {
        const closes = ledger.rows("batches").filter((row) => row.terminal === terminal)
        return closes.map((row) => row.closedMs).sort((a, b) => b - a).slice(0, mostCloses)
      }))
  })
  const newest: Newest<never> = (question, sinceMs) =>
    called(Effect.sync(() => {
      const fitting = ledger.rows("transactions").filter((row) => fits(row, question, sinceMs))
      const [found] = fitting.sort(byAge)
      if (found === undefined) return undefined
      const { sealed: _, ...record } = found
      return record
    }))
  return { store, ledger, books, newest }
}

function fits(row: TransactionRecord, question: ArchiveQuestion, sinceMs: number): boolean {
  const { amount, authCode, batch, before, kinds, merchant, panMask, rrn, stan, terminal } =
    question
  const agrees = (wanted: unknown, ...held: ReadonlyArray<unknown>) =>
    wanted === undefined || held.includes(wanted)
  return agrees(rrn, row.rrn) && agrees(question.voucher, row.walletReference) &&
    agrees(stan, row.mti === "" ? undefined : row.stan) && agrees(batch, row.batch) &&
    agrees(authCode, row.authCode) && agrees(amount, row.amount, row.approvedAmount) &&
    (row.panMask === undefined || agrees(panMask, row.panMask)) &&
    (rrn !== undefined || question.voucher !== undefined || row.terminal === terminal) &&
    (before === undefined || row.id < before) && row.merchant === merchant &&
    kinds.includes(row.kind) && row.times.receivedMs >= sinceMs
}

/** The newest first. */
const byAge = (left: TransactionRecord, right: TransactionRecord): number =>
  right.times.receivedMs - left.times.receivedMs || (left.id < right.id ? 1 : -1)

/** `LedgerStore` and the handle on it. */
export const memoryLedgerLayer: Layer.Layer<LedgerStore | MemoryLedger> = Layer.effectContext(
  Effect.sync(() => {
    const { ledger, store } = makeMemoryLedger()
    return Context.make(LedgerStore, store).pipe(Context.add(MemoryLedger, ledger))
  })
)
