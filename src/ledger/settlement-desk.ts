/**
 * Batch closes and batch uploads of terminals, beside the road. What must hold: a close is answered
 * only when its row is durable; without PostgreSQL it is refused, because half a batch is no batch;
 * what an upload contradicts goes to the exceptions; the number of closes under way is bounded.
 */

import type { PgClient } from "@effect/sql-pg"
import { Effect, FiberSet, type Scope, Semaphore } from "effect"
import { compareUpload } from "../domain/batch-totals.ts"
import type { MerchantId, TerminalId, TransactionId } from "../domain/brand.ts"
import {
  type BatchRow,
  type ExceptionRow,
  Journal,
  type JournalShape,
  type LedgerEntry
} from "../domain/ports/journal.ts"
import { LedgerUnavailable } from "../domain/ports/ledger.ts"
import { Random, Time, type TimeShape } from "../domain/ports/time.ts"
import type { DecidedDoubts } from "../domain/ports/transactions.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { makeTransactionIds } from "../domain/uuid.ts"
import type { Message, Values } from "../iso8583/message.ts"
import { readDeclared } from "./declared-totals.ts"
import { type BatchQuery, batchRecords, lastClose, settle } from "./settlement.ts"

export interface SettlementRequest {
  readonly kind: "settlement" | "batch-upload"
  readonly terminal: TerminalId
  readonly merchant: MerchantId
  readonly batch: string | undefined
  readonly message: Pick<Message, "text" | "role">
}

export interface SettlementAnswer {
  readonly response1987: string
  readonly values: Values
}

export type SettlementDesk = (
  request: SettlementRequest,
  done: (answer: SettlementAnswer) => void
) => void

export interface SettlementOptions {
  /** What the journal holds of a terminal: its recent transactions, and those that still owe. */
  readonly held: (terminal: TerminalId) => ReadonlyArray<TransactionRecord>
  /** Called once it is durable: which deliveries in doubt a close or an upload decided, and how. */
  readonly decided: (doubts: DecidedDoubts) => void
}

/** Closes at one time, and closes that may wait for them; more are told to come again. */
const atOnce = 2
const mayWait = 500

/** A batch is never older than this, in milliseconds: two weeks. */
const oldestMs = 14 * 24 * 3_600_000

const away: SettlementAnswer = { response1987: "91", values: {} }
const unreadable: SettlementAnswer = { response1987: "30", values: {} }
const accepted: SettlementAnswer = { response1987: "00", values: {} }

/** Rows that PostgreSQL may be behind for a close to be answered; each is looked at. */
const mayBeBehind = 5_000

interface Room {
  readonly held: SettlementOptions["held"]
  readonly journal: JournalShape
  readonly time: TimeShape
  readonly nextId: (wallMs: number) => TransactionId
  readonly decided: (doubts: DecidedDoubts) => void
}

type Worked = Effect.Effect<SettlementAnswer, LedgerUnavailable, PgClient.PgClient>

export const makeSettlementDesk = Effect.fnUntraced(function*(
  options: SettlementOptions
): Effect.fn.Return<
  SettlementDesk,
  never,
  Journal | Time | Random | PgClient.PgClient | Scope.Scope
> {
  const room: Room = {
    journal: yield* Journal,
    time: yield* Time,
    nextId: makeTransactionIds(yield* Random),
    held: options.held,
    decided: options.decided
  }
  const permits = yield* Semaphore.make(atOnce)
  const fork = yield* FiberSet.makeRuntime<PgClient.PgClient>()
  let waiting = 0
  return (request, done) => {
    if (waiting >= mayWait) {
      done(away)
      return
    }
    waiting++
    const work = request.kind === "settlement" ? close(room, request) : upload(room, request)
    fork(
      permits.withPermit(work).pipe(
        Effect.catchTag("LedgerUnavailable", () => Effect.succeed(away)),
        Effect.map((answer) => {
          waiting--
          done(answer)
        })
      )
    )
  }
})

/** The answer once the rows are on disk. */
const commit = (
  room: Room,
  feed: ReadonlyArray<LedgerEntry>,
  answer: SettlementAnswer
): Effect.Effect<SettlementAnswer> =>
  Effect.callback((resume) =>
    room.journal.commit(
      [],
      feed,
      (failure) => resume(Effect.succeed(failure === undefined ? answer : away))
    )
  )

/** Which records the batch has: by its number, or all since the last close. */
const queryOf = Effect.fnUntraced(function*(
  room: Room,
  { batch, terminal }: SettlementRequest,
  { closedMs }: Lacking
) {
  const earliest = room.time.wallMs() - oldestMs
  const since = batch === undefined ? yield* lastClose(terminal) : undefined
  const query: BatchQuery = {
    terminal,
    batch,
    sinceMs: Math.max(earliest, since ?? earliest, batch === undefined ? closedMs : earliest)
  }
  return query
})

/** What PostgreSQL may not have yet of a terminal. */
interface Lacking {
  readonly records: ReadonlyArray<TransactionRecord>
  /** Its last close among them; 0 when there is none. */
  readonly closedMs: number
}

/**
 * Looked up before PostgreSQL is asked. Half a batch is no batch: while more rows wait than can be
 * looked at, the terminal is told to come again.
 */
function lackingOf(
  { held, journal }: Room,
  terminal: TerminalId
): Effect.Effect<Lacking, LedgerUnavailable> {
  if (journal.health().feedPending > mayBeBehind) {
    return Effect.fail(new LedgerUnavailable({ reason: "timeout" }))
  }
  const records: Array<TransactionRecord> = []
  let closedMs = 0
  for (const { entry } of journal.feedAfter(journal.feedMark(), mayBeBehind)) {
    if (entry.table === "transactions" && entry.row.terminal === terminal) records.push(entry.row)
    if (entry.table === "batches" && entry.row.terminal === terminal) closedMs = entry.row.closedMs
  }
  records.push(...held(terminal))
  return Effect.succeed({ records, closedMs })
}

const close = (room: Room, request: SettlementRequest): Worked =>
  Effect.gen(function*() {
    const declared = readDeclared(request.message)
    if (declared === undefined) return unreadable
    const lacking = yield* lackingOf(room, request.terminal)
    const query = yield* queryOf(room, request, lacking)
    const result = yield* settle(query, declared.totals, lacking.records, declared.halves)
    const closedMs = room.time.wallMs()
    const row: BatchRow = {
      id: room.nextId(closedMs),
      terminal: request.terminal,
      merchant: request.merchant,
      batch: request.batch ?? "",
      closedMs,
      balanced: result.balanced,
      declared: declared.totals,
      counted: result.counted
    }
    const answer = declared.answer(result.counted, result.balanced)
    const told = yield* commit(room, [{ table: "batches", row }], answer)
    if (told === answer) room.decided(result)
    return told
  })

/** One transaction of an upload: known with this amount, or an exception. */
const upload = (room: Room, request: SettlementRequest): Worked =>
  Effect.gen(function*() {
    const stan = request.message.role("stan")
    const amount = Number(request.message.role("amount") ?? Number.NaN)
    if (stan === undefined || !Number.isSafeInteger(amount)) {
      return yield* raise(room, request, "upload-unread", "no trace number or no amount")
    }
    const lacking = yield* lackingOf(room, request.terminal)
    const query = yield* queryOf(room, request, lacking)
    const records = yield* batchRecords(query, lacking.records)
    const one = records.filter((record) => record.stan === stan)
    const { differing, unknown } = compareUpload([{ stan, amount }], one)
    if (unknown.length > 0) {
      return yield* raise(room, request, `${stan}:unknown`, `${stan} is not known here`)
    }
    if (differing.length > 0) {
      return yield* raise(room, request, `${stan}:amount`, `${stan} has another amount here`)
    }
    const doubts = one.filter(({ state }) => state === "delivery-unconfirmed")
    if (doubts.length > 0) room.decided({ delivered: doubts.map(({ id }) => id), undelivered: [] })
    return accepted
  })

const raise = (room: Room, request: SettlementRequest, name: string, detail: string) => {
  const { batch = "", terminal } = request
  const row: ExceptionRow = {
    id: `${terminal}:${batch}:${name}`,
    reason: "batch-upload",
    detail: `terminal ${terminal}, batch ${batch}: ${detail}`,
    atMs: room.time.wallMs()
  }
  return commit(room, [{ table: "exceptions", row }], accepted)
}
