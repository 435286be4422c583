/**
 * Batch closes and batch uploads of terminals, beside the road. What must hold: a close is answered
 * only when its row is durable; without PostgreSQL it is refused, because half a batch is no batch;
 * what an upload contradicts goes to the exceptions; the number of closes under way is bounded.
 */

import { Effect, FiberSet, type Scope, Semaphore } from "effect"
import { addBatch, closeBatch, compareUpload, isBalanced } from "../domain/batch-totals.ts"
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
import { BatchBooks, type BatchRecord } from "./batch-books.ts"
import { readDeclared } from "./declared-totals.ts"
import { batchRecords } from "./settlement.ts"
import { readUploaded } from "./uploaded-details.ts"
import { Uploads } from "./uploads.ts"

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
  readonly uploads: Uploads
}

type Worked = Effect.Effect<SettlementAnswer, LedgerUnavailable, BatchBooks>

export const makeSettlementDesk = Effect.fnUntraced(function*(
  options: SettlementOptions
): Effect.fn.Return<
  SettlementDesk,
  never,
  Journal | Time | Random | BatchBooks | Scope.Scope
> {
  const room: Room = {
    journal: yield* Journal,
    time: yield* Time,
    nextId: makeTransactionIds(yield* Random),
    held: options.held,
    decided: options.decided,
    uploads: new Uploads()
  }
  const permits = yield* Semaphore.make(atOnce)
  const fork = yield* FiberSet.makeRuntime<BatchBooks>()
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

/**
 * The records of a batch: those of its number, or all since the last close. When there are none
 * since and that does not fit, what was closed last is meant once more: the answer to that close
 * got lost, or its details follow.
 */
const recordsOf = Effect.fnUntraced(function*(
  room: Room,
  { batch, terminal }: SettlementRequest,
  lacking: Lacking,
  fits: (records: ReadonlyArray<BatchRecord>) => boolean
) {
  const earliest = room.time.wallMs() - oldestMs
  const since = (sinceMs: number) => batchRecords({ terminal, batch, sinceMs }, lacking.records)
  if (batch !== undefined) return yield* since(earliest)
  const books = yield* BatchBooks
  const closes = [...lacking.closesMs, ...yield* books.closes(terminal)]
  for (const closedMs of closes.sort((a, b) => b - a)) {
    if (closedMs < earliest) break
    const records = yield* since(closedMs)
    if (records.length > 0 || fits(records)) return records
  }
  return yield* since(earliest)
})

/** What PostgreSQL may not have yet of a terminal. */
interface Lacking {
  readonly records: ReadonlyArray<TransactionRecord>
  /** When it closed a batch, of closes among them. */
  readonly closesMs: ReadonlyArray<number>
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
  const closesMs: Array<number> = []
  for (const { entry } of journal.feedAfter(journal.feedMark(), mayBeBehind)) {
    if (entry.table === "transactions" && entry.row.terminal === terminal) records.push(entry.row)
    if (entry.table === "batches" && entry.row.terminal === terminal) {
      closesMs.push(entry.row.closedMs)
    }
  }
  records.push(...held(terminal))
  return Effect.succeed({ records, closesMs })
}

const close = (room: Room, request: SettlementRequest): Worked =>
  Effect.gen(function*() {
    const declared = readDeclared(request.message)
    if (declared === undefined) return unreadable
    const lacking = yield* lackingOf(room, request.terminal)
    const { halves, totals } = declared
    const isEmptyRight = () => isBalanced(totals, addBatch([]), halves)
    const records = yield* recordsOf(room, request, lacking, isEmptyRight)
    const result = closeBatch(totals, records, halves)
    const closedMs = room.time.wallMs()
    const row: BatchRow = {
      id: room.nextId(closedMs),
      terminal: request.terminal,
      merchant: request.merchant,
      batch: request.batch ?? "",
      closedMs,
      balanced: result.balanced,
      declared: totals,
      counted: result.counted
    }
    const answer = declared.answer(result.counted)
    const told = yield* commit(room, [{ table: "batches", row }], answer)
    if (told === answer) room.decided(result)
    return told
  })

/** What an upload lists: known with this amount and card, or an exception. */
const upload = (room: Room, request: SettlementRequest): Worked =>
  Effect.gen(function*() {
    const { batch = "", terminal } = request
    const said = readUploaded(request.message)
    if (said === undefined) {
      const unread = { name: "unread", detail: "an upload without a trace number or an amount" }
      return yield* raise(room, request, [unread])
    }
    const lacking = yield* lackingOf(room, terminal)
    const records = yield* recordsOf(room, request, lacking, () => false)
    if (said.what === "end") return yield* ended(room, request, said.count, records)
    const { details } = said
    const stans = new Set(details.map(({ stan }) => stan))
    const uploaded = records.filter((record) => stans.has(record.stan))
    const { differing, unknown } = compareUpload(details, uploaded)
    room.uploads.add(terminal, batch, stans)
    const delivered = uploaded.filter(isDoubtful).map(({ id }) => id)
    if (delivered.length > 0) room.decided({ delivered, undelivered: [] })
    const byId = new Map(uploaded.map(({ id, stan }) => [id, stan]))
    return yield* raise(room, request, [
      ...unknown.map(({ stan }) => ({
        name: `${stan}:unknown`,
        detail: `${stan} is not known here`
      })),
      ...differing.map((id) => ({
        name: `${byId.get(id)}:amount`,
        detail: `${byId.get(id)} has another amount or another card here`
      }))
    ])
  })

/**
 * The end of an upload. Only when everything that the terminal says it sent was seen does what it
 * left out mean something: it never had it.
 */
const ended = (
  room: Room,
  request: SettlementRequest,
  count: number,
  records: ReadonlyArray<BatchRecord>
): Effect.Effect<SettlementAnswer> => {
  const { batch = "", terminal } = request
  const seen = room.uploads.end(terminal, batch)
  if (seen === undefined || seen.size !== count) return Effect.succeed(accepted)
  const { missing } = compareUpload([], records.filter(({ stan }) => !seen.has(stan)))
  const left = records.filter(({ id }) => missing.includes(id))
  const undelivered = left.filter(isDoubtful).map(({ id }) => id)
  if (undelivered.length > 0) room.decided({ delivered: [], undelivered })
  return raise(
    room,
    request,
    left.filter((record) => !isDoubtful(record)).map(({ stan }) => ({
      name: `${stan}:left-out`,
      detail: `${stan} stands here and was not uploaded`
    }))
  )
}

const isDoubtful = ({ state }: BatchRecord): boolean => state === "delivery-unconfirmed"

interface Found {
  readonly name: string
  readonly detail: string
}

/**
 * Accepted in any case: what the terminal sent is its word, and a human compares. Trace numbers
 * come round again, so without batches the day tells what is raised anew from what is repeated.
 */
const raise = (
  room: Room,
  { batch = "", terminal }: SettlementRequest,
  found: ReadonlyArray<Found>
): Effect.Effect<SettlementAnswer> => {
  if (found.length === 0) return Effect.succeed(accepted)
  const atMs = room.time.wallMs()
  const rows = found.map(({ detail, name }): ExceptionRow => ({
    id: `${terminal}:${batch === "" ? dateOf(atMs) : batch}:${name}`,
    reason: "batch-upload",
    detail: `terminal ${terminal}, batch ${batch}: ${detail}`,
    atMs
  }))
  return commit(room, rows.map((row) => ({ table: "exceptions", row })), accepted)
}

/** In UTC. */
const dateOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10)
