/**
 * The judge: the four books compared transaction by transaction, by the table of the design. It
 * reads what terminals and upstreams wrote for themselves, what the journal holds and what
 * PostgreSQL has; what the table does not permit is a violation, told with its whole story.
 */

import { followOnKinds, reversibleKinds } from "../domain/kind.ts"
import { maskText } from "../domain/pan.ts"
import type { TransactionRecord } from "../domain/transaction.ts"
import { auditCloses, type CloseBooks } from "./audit-closes.ts"
import { auditPayments, type PaymentBooks } from "./audit-payments.ts"
import { type Case, recordLine, said } from "./audit-story.ts"
import {
  type CloseEntry,
  entryKey,
  type TerminalEntry,
  type UpstreamEntry,
  upstreamKey
} from "./book.ts"

/** What the switch itself says of a transaction: a row of PostgreSQL or a record of the journal. */
export type SwitchRecord =
  & Pick<
    TransactionRecord,
    | "id"
    | "version"
    | "state"
    | "kind"
    | "terminal"
    | "stan"
    | "batch"
    | "amount"
    | "approved"
    | "approvedAmount"
    | "rrn"
    | "failure"
    | "upstream"
    | "upstreamStan"
    | "upstreamRrn"
    | "walletReference"
    | "original"
    | "times"
  >
  & Partial<Pick<TransactionRecord, "configVersion" | "day" | "route">>

export interface Books {
  readonly terminals: Iterable<TerminalEntry>
  /** Batch closes that terminals were answered, and rows of PostgreSQL; absent: not compared. */
  readonly closes?: CloseBooks
  readonly upstreams: Iterable<UpstreamEntry>
  /** Newest version of each transaction, from the journal or from PostgreSQL. */
  readonly journal: Iterable<SwitchRecord>
  /** Undefined: not compared. */
  readonly ledger?: Iterable<SwitchRecord>
  /** Ids with a reversal chain that is still being sent: permitted while an outage lasts. */
  readonly chains: ReadonlySet<string>
  /** Ids that a human was told about, because of money. */
  readonly exceptions: ReadonlySet<string>
  /** Nothing may be open or in doubt any more. */
  readonly settled?: boolean
  /** Payments at scanned codes. */
  readonly scanned?: PaymentBooks
  /** Rows that PostgreSQL refused or contradicts, as their exceptions hold them. */
  readonly refusedRows?: Iterable<SwitchRecord>
}

export type ViolationKind =
  /** Approved to a terminal, and no upstream stands behind it. */
  | "lost"
  /** Executed more than once, or two executions of one request. */
  | "doubled"
  /** The upstream keeps money that no terminal was told about. */
  | "unreversed"
  /** Reversed although the terminal was told that it stands. */
  | "wrongly-reversed"
  /** An upstream executed what no terminal asked for. */
  | "unasked"
  /** Journal or PostgreSQL tell another story than the books. */
  | "differs"
  /** Not at a final state although nothing is left to do. */
  | "unfinished"

export interface Violation {
  readonly kind: ViolationKind
  readonly what: string
  readonly story: ReadonlyArray<string>
}

interface AuditReport {
  readonly violations: ReadonlyArray<Violation>
  readonly counts: {
    readonly terminals: number
    readonly upstreams: number
    readonly journal: number
    readonly ledger: number
    readonly approved: number
    readonly reversed: number
    readonly pending: number
  }
}

export function audit(books: Books): AuditReport {
  const violations: Array<Violation> = []
  const journal = newest(books.journal)
  const ledger = books.ledger === undefined ? undefined : newest(books.ledger)
  const refused = newest(books.refusedRows ?? [])
  // At the same version PostgreSQL's row is taken: a journal's export is masked for people.
  const records = newest([
    ...(ledger?.values() ?? []),
    ...journal.values(),
    ...refused.values()
  ])
  const byEntry = new Map<string, SwitchRecord>()
  for (const record of records.values()) byEntry.set(keyOf(record), record)
  // As in exceptions and exports: an order number may look like a card's.
  const upstreams = new Map<string, UpstreamEntry>()
  for (const entry of books.upstreams) upstreams.set(maskText(upstreamKey(entry)), entry)
  const followOns = standingFollowOns(records, upstreams)
  const asked = new Set<UpstreamEntry>()
  const all = [...books.terminals]
  const cases: Array<Case> = []
  let approved = 0
  for (const entry of all) {
    const record = byEntry.get(entryKey(entry) + kindMark(entry.kind))
    const executions = executionsOf(record, upstreams)
    for (const execution of executions) asked.add(execution)
    if (entry.outcome === "approved") approved++
    const original = record?.original === undefined ? undefined : records.get(record.original)
    const each = { entry, record, executions, original }
    cases.push(each)
    const taken = record === undefined ? 0 : takenBy(followOns.get(record.id) ?? [])
    judge(each, taken, books, violations)
  }
  for (const execution of upstreams.values()) {
    if (execution.times > 1) {
      violations.push(said("doubled", `${execution.times} executions`, undefined, [execution]))
    }
    if (!asked.has(execution) && execution.decision === "approved" && !execution.reversed) {
      violations.push(said("unasked", "no terminal asked for it", undefined, [execution]))
    }
    // A reversal that comes again says that it does, or the upstream may take it for another.
    if (execution.marksRepeats === true && execution.reversals - execution.repeats > 1) {
      violations.push(said("doubled", "reversed twice as new", undefined, [execution]))
    }
  }
  followed(records, followOns, upstreams, violations)
  if (books.closes !== undefined) violations.push(...auditCloses(books.closes, cases))
  if (books.scanned !== undefined) {
    violations.push(...auditPayments(books.scanned, records.values()))
  }
  if (ledger !== undefined) {
    compare(journal, ledger, refused, books.settled === true, violations)
  }
  const executed = [...upstreams.values()]
  return {
    violations,
    counts: {
      terminals: all.length,
      upstreams: executed.length,
      journal: journal.size,
      ledger: ledger?.size ?? 0,
      approved,
      reversed: executed.filter(({ reversed }) => reversed).length,
      pending: books.chains.size
    }
  }
}

/** One row of the design's table. */
function judge(each: Case, taken: number, books: Books, violations: Array<Violation>): void {
  const { entry, executions, record } = each
  const told = (kind: ViolationKind, what: string) =>
    violations.push(said(kind, what, each, executions))
  const standing = executions.filter(({ decision, reversed }) =>
    decision === "approved" && !reversed
  )
  if (standing.length > 1) told("doubled", "two executions stand for one request")
  const excused = record !== undefined &&
    (books.chains.has(record.id) || books.exceptions.has(record.id))
  switch (entry.outcome) {
    case "approved":
      if (entry.reversal === "acknowledged") {
        const left = approvedOf(record) - taken
        if (standing.length > 0 && left > 0 && !excused) {
          told("unreversed", "its terminal reversed it")
        }
      } else if (entry.reversal === "none" && reaches(entry)) {
        if (executions.length === 0) told("lost", "approved, and no upstream has it")
        else if (standing.length === 0) told("wrongly-reversed", "approved, and reversed upstream")
      }
      break
    case "declined":
      if (standing.length > 0 && !excused) told("unreversed", "declined, and stands upstream")
      break
    case "refused":
    case "none":
      if (standing.length === 0 || excused) break
      // Money in doubt inside its deadline, and not yet the terminal's turn.
      if (
        books.settled !== true && record?.state === "delivery-unconfirmed" &&
        entry.reversal !== "acknowledged"
      ) break
      // What no terminal can reverse and was approved may have gone unheard: then all books say so.
      if (entry.outcome === "none" && !isReversible(entry) && record?.approved === true) break
      told("unreversed", `${entry.outcome}, and stands upstream`)
      break
    case "open":
      if (books.settled === true) told("unfinished", "still open")
      break
  }
  sameRequest(each, told)
  sameMoney(each, standing, told)
  if (record !== undefined && entry.outcome === "approved" && entry.reversal === "none") {
    if (record.approved !== true) told("differs", "the switch's record is not approved")
    if (record.amount !== entry.amount && entry.amount !== undefined) {
      told("differs", "the switch's record has another amount")
    }
  }
  if (record === undefined && entry.outcome === "approved") {
    told("differs", "the switch has no record of an approved transaction")
  }
}

type Told = (kind: ViolationKind, what: string) => void

const wrongPin = "55"

/** What an upstream executed is what the terminal asked for, and the record tells of the same. */
function sameRequest({ entry, executions, original, record }: Case, told: Told): void {
  for (const execution of executions) {
    // A wallet has a name of its own for the merchant, and refunds what is voided.
    const names = execution.reference === record?.upstreamStan
      ? ["amount", "card", "currency", "kind", "merchant", "pin"] as const
      : ["amount", "currency"] as const
    for (const name of names) {
      const [asked, done] = [entry[name], execution[name]]
      if (asked !== undefined && done !== undefined && asked !== done) {
        told("differs", `the terminal asked for ${name} ${asked}, and ${done} was executed`)
      }
    }
    const [named, meant] = [execution.original, original?.upstreamStan]
    if (named !== undefined && meant !== undefined && named !== meant) {
      told("differs", `its upstream was told that it follows ${named}, and it follows ${meant}`)
    }
  }
  if (entry.response === wrongPin && entry.pin !== "wrong") {
    told("differs", "its terminal heard that the PIN is wrong, which it is not")
  }
  if (record !== undefined && record.kind !== entry.kind) {
    told("differs", "the switch's record is of another kind")
  }
  if (entry.original !== undefined && original !== undefined && original.stan !== entry.original) {
    told("differs", `follows ${original.stan}, and its terminal named ${entry.original}`)
  }
  if (record?.approved === true && entry.outcome === "declined") {
    told("differs", "the switch's record is approved")
  }
}

/** What the terminal heard is what stands upstream: amount, reference. */
function sameMoney(
  { entry, record }: Case,
  standing: ReadonlyArray<UpstreamEntry>,
  told: Told
): void {
  if (entry.outcome !== "approved" || entry.reversal !== "none") return
  for (const execution of standing) {
    const stands = execution.approvedAmount ?? execution.amount
    const heard = entry.heardAmount ?? entry.amount
    if (stands !== undefined && heard !== undefined && stands !== heard) {
      told("differs", `the terminal heard ${heard} and ${stands} stands upstream`)
    }
    const booked = record?.approvedAmount ?? record?.amount
    if (stands !== undefined && booked !== undefined && stands !== booked) {
      told("differs", `the switch booked ${booked} and ${stands} stands upstream`)
    }
  }
  if (record?.rrn !== undefined && entry.rrn !== undefined && record.rrn !== entry.rrn.trim()) {
    told("differs", `the terminal heard the reference ${entry.rrn}, the record says ${record.rrn}`)
  }
}

type FollowOn = readonly [record: SwitchRecord, execution: UpstreamEntry]

/** Executions of follow-ons that stand, by the original's id. */
function standingFollowOns(
  records: ReadonlyMap<string, SwitchRecord>,
  upstreams: ReadonlyMap<string, UpstreamEntry>
): ReadonlyMap<string, ReadonlyArray<FollowOn>> {
  const found = new Map<string, Array<FollowOn>>()
  for (const record of records.values()) {
    if (record.original === undefined || record.kind === "reversal") continue
    for (const execution of executionsOf(record, upstreams)) {
      if (execution.decision !== "approved" || execution.reversed) continue
      const those = found.get(record.original)
      if (those === undefined) found.set(record.original, [[record, execution]])
      else those.push([record, execution])
    }
  }
  return found
}

const takenBy = (followOns: ReadonlyArray<FollowOn>): number =>
  followOns.reduce((sum, [, { amount = 0, approvedAmount = amount }]) => sum + approvedAmount, 0)

const approvedOf = (record: SwitchRecord | undefined): number =>
  record?.approvedAmount ?? record?.amount ?? 0

/**
 * Follow-ons that stand take no more than their original has, stand where it stands, and nothing
 * but they took it back.
 */
function followed(
  records: ReadonlyMap<string, SwitchRecord>,
  followOns: ReadonlyMap<string, ReadonlyArray<FollowOn>>,
  upstreams: ReadonlyMap<string, UpstreamEntry>,
  violations: Array<Violation>
): void {
  for (const [id, those] of followOns) {
    const original = records.get(id)
    if (original === undefined) continue
    for (const [record, { upstream }] of those) {
      if (upstream === original.upstream) continue
      violations.push(differs(record, `went elsewhere than its original ${original.id}`))
    }
    const executions = executionsOf(original, upstreams)
    const doubled = (what: string) => {
      const all = [...those.map(([, execution]) => execution), ...executions]
      violations.push(said("doubled", what, undefined, all))
    }
    const sum = takenBy(those)
    if (sum > approvedOf(original)) doubled(`${sum} taken from an original that had less`)
    if (executions.some(({ reversed }) => reversed)) {
      doubled(`${sum} taken from an original that was reversed`)
    }
  }
}

/** Kinds that an upstream must have seen when the terminal was told yes. */
function reaches(entry: TerminalEntry): boolean {
  return reversibleKinds.has(entry.kind) ||
    followOnKinds.has(entry.kind) && entry.kind !== "reversal"
}

function isReversible(entry: TerminalEntry): boolean {
  return reversibleKinds.has(entry.kind)
}

function executionsOf(
  record: SwitchRecord | undefined,
  upstreams: ReadonlyMap<string, UpstreamEntry>
): ReadonlyArray<UpstreamEntry> {
  if (record?.upstream === undefined) return []
  const found: Array<UpstreamEntry> = []
  for (const reference of [record.upstreamStan, record.walletReference]) {
    if (reference === undefined) continue
    const entry = upstreams.get(
      maskText(upstreamKey({ upstream: record.upstream, reference }))
    )
    if (entry !== undefined && entry.terminal.trim() === record.terminal.trim()) found.push(entry)
  }
  return found
}

/** What no later version of a record changes. */
const compared = [
  "approved",
  "kind",
  "terminal",
  "stan",
  "amount",
  "upstream",
  "upstreamStan"
] as const

/** States that nothing but a lost transaction keeps, once nobody asks any more. */
const underWay: ReadonlySet<SwitchRecord["state"]> = new Set([
  "received",
  "accepted",
  "routed",
  "forwarded",
  "timed-out"
])

/** Journal and PostgreSQL: every transaction in both, at the same version, with the same end. */
function compare(
  journal: ReadonlyMap<string, SwitchRecord>,
  ledger: ReadonlyMap<string, SwitchRecord>,
  refused: ReadonlyMap<string, SwitchRecord>,
  settled: boolean,
  violations: Array<Violation>
): void {
  for (const record of journal.values()) {
    if (settled && underWay.has(record.state)) {
      violations.push({ ...differs(record, `is ${record.state} for ever`), kind: "unfinished" })
    }
    if (refused.has(record.id)) continue
    const row = ledger.get(record.id)
    // Followers of an original change its record without an end of its own: only ends are fed.
    if (row === undefined) {
      if (record.state !== "forwarded" && record.state !== "routed") {
        violations.push(differs(record, "is in the journal and not in PostgreSQL"))
      }
    } else if (row.state !== record.state && (settled || row.version >= record.version)) {
      violations.push(differs(record, `is ${record.state} here and ${row.state} in PostgreSQL`))
    } else {
      const field = compared.find((name) => row[name] !== record[name])
      if (field !== undefined) {
        violations.push(differs(record, `has another ${field} in PostgreSQL`))
      }
    }
  }
}

function differs(record: SwitchRecord, what: string): Violation {
  return { kind: "differs", what: `${record.id} ${what}`, story: [recordLine(record)] }
}

function newest(records: Iterable<SwitchRecord>): Map<string, SwitchRecord> {
  const found = new Map<string, SwitchRecord>()
  for (const record of records) {
    const known = found.get(record.id)
    if (known === undefined || known.version < record.version) found.set(record.id, record)
  }
  return found
}

/** A reversal has the STAN of its original in some dialects: it is another message of that key. */
function kindMark(kind: SwitchRecord["kind"]): string {
  return kind === "reversal" ? "|reversal" : ""
}

function keyOf(record: SwitchRecord): string {
  return entryKey({
    terminal: record.terminal,
    stan: record.stan,
    ...(record.batch === undefined ? {} : { batch: record.batch })
  }) + kindMark(record.kind)
}

/** The row that an exception of the ledger's writer holds: `reason: {…}`; undefined: none whole. */
export function refusedRecord(detail: string): SwitchRecord | undefined {
  const row = refusedRow(detail)
  return row !== undefined && "terminal" in row && "stan" in row
    ? row as unknown as SwitchRecord
    : undefined
}

/** A batch close in the same place. */
export function refusedClose(detail: string): CloseEntry | undefined {
  const row = refusedRow(detail)
  return row !== undefined && "terminal" in row && "balanced" in row
    ? closeOf(row as unknown as StoredClose)
    : undefined
}

function refusedRow(detail: string): object | undefined {
  try {
    const row: unknown = JSON.parse(detail.slice(detail.indexOf("{")))
    return typeof row === "object" && row !== null ? row : undefined
  } catch {
    return undefined
  }
}

/** A batch as the switch writes it down: empty where the dialect has none. */
export interface StoredClose {
  readonly terminal: string
  readonly batch: string
  readonly balanced: boolean
}

export const closeOf = ({ balanced, batch, terminal }: StoredClose): CloseEntry =>
  batch === "" ? { terminal, balanced } : { terminal, batch, balanced }

/** Exceptions of the ledger's writer speak of rows, and excuse no money. */
export function isAboutMoney(reason: string): boolean {
  return !reason.startsWith("ledger-")
}
