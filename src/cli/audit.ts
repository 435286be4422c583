/**
 * `pointsman audit`: the books of terminals, upstreams, wallets and counters against journal and
 * PostgreSQL, by the table of what is permitted. Everything else is told with its story, and the
 * exit is 1.
 */

import { readFileSync } from "node:fs"
import { verifyAudit } from "../ledger/audit-log.ts"
import { audit, type Violation } from "../simulate/audit.ts"
import {
  type CloseEntry,
  readBooks,
  type TerminalEntry,
  type UpstreamEntry
} from "../simulate/book.ts"
import { type PaymentLine, readPayments } from "../simulate/payment-book.ts"
import { journalSide } from "./audit-journal.ts"
import { ledgerSide } from "./audit-ledger.ts"
import { loadedConfig } from "./configuration.ts"
import { askLedger } from "./ledger-questions.ts"
import { runProgram } from "./machine.ts"
import { type Action, type Call, configFlag, Refusal } from "./verb.ts"

/** What is looked at began this long before the first to after the last question in the books. */
const marginMs = 3_600_000

export const verb: Action = {
  about: "Compares what terminals, upstreams, wallets and devices wrote in their own books (see " +
    "the simulators' --book) with the journal and with PostgreSQL, transaction by transaction. " +
    "Without books, only journal and PostgreSQL are compared. Ask when nothing is in flight: " +
    "while the switch works, what is on its way to PostgreSQL counts as a difference. `audit " +
    "verify` walks the hash chain of the audit log instead, and tells its head: noted elsewhere, " +
    "it betrays an end that was cut off.",
  parameters: [{
    name: "book",
    about: "book files of the simulators; or the word `verify`",
    presence: "many"
  }],
  flags: {
    config: configFlag,
    settled: {
      type: "yes",
      about: "nothing may be pending any more: a reversal that is still being sent is a violation"
    }
  },
  examples: [
    ["audit terminals.book acquirer.book", "four books that must agree"],
    ["audit wallet.book devices.book", "was every accepted payment booked, and announced once?"],
    ["audit", "journal and PostgreSQL"],
    ["audit verify", "was anything in the audit log changed or removed?"]
  ],
  run
}

async function run(call: Call): Promise<0 | 1> {
  if (call.parameters.length === 1 && call.parameters[0] === "verify") return verifyLog(call)
  const terminals: Array<TerminalEntry> = []
  const upstreams: Array<UpstreamEntry> = []
  const lines: Array<PaymentLine> = []
  const closes: Array<CloseEntry> = []
  for (const path of call.parameters) {
    const books = readBook(path)
    terminals.push(...books.terminals.entries.values())
    upstreams.push(...books.upstreams.entries.values())
    lines.push(...books.payments)
    closes.push(...books.terminals.closes)
  }
  const { book: payments, wrong } = readPayments(lines)
  const { config } = await loadedConfig(call)
  const times = [
    ...terminals.map(({ startedMs }) => startedMs),
    ...Array.from(payments.entries.values(), ({ paidMs }) => paidMs)
  ]
  const known = times.length > 0
  const fromMs = known ? times.reduce((least, each) => Math.min(least, each)) - marginMs : 0
  const toMs = known ? times.reduce((most, each) => Math.max(most, each)) + marginMs : farFutureMs
  const ledger = await askLedger(call, ledgerSide(fromMs, toMs))
  const journal = await runProgram(journalSide(config.journal.path, fromMs, toMs))
  const report = audit({
    terminals,
    upstreams,
    closes: { told: closes, rows: ledger.closes },
    journal: journal.records,
    ledger: ledger.rows,
    chains: call.yes("settled") ? new Set() : journal.chains,
    settled: call.yes("settled"),
    exceptions: ledger.exceptions,
    refusedRows: ledger.refusedRows,
    scanned: {
      payments: payments.entries.values(),
      listening: payments.listening,
      raised: ledger.raised,
      unannounced: new Set([...ledger.unannounced, ...journal.unannounced])
    }
  })
  const violations = [
    ...report.violations,
    ...wrong.map((what): Violation => ({ kind: "differs", what, story: [] }))
  ]
  const counts = { ...report.counts, payments: payments.entries.size }
  tell(call, counts, violations)
  return violations.length === 0 ? 0 : 1
}

async function verifyLog(call: Call): Promise<0 | 1> {
  const verdict = await askLedger(call, verifyAudit)
  if (call.format === "json") {
    // As they are: a hash may hold a run of digits that passes for a card's, and is compared.
    call.streams.raw(`${JSON.stringify(verdict)}\n`)
  } else {
    for (const fault of verdict.faults) call.streams.out(`${fault}\n`)
    const { entries, faults, lastHash } = verdict
    const words = faults.length === 0 ? "the chain holds" : "the chain is broken"
    call.streams.raw(`${entries} entries, ${words}, head ${lastHash}\n`)
  }
  return verdict.faults.length === 0 ? 0 : 1
}

/** The year 3000. */
const farFutureMs = 32_503_680_000_000

function readBook(path: string): ReturnType<typeof readBooks> {
  try {
    return readBooks(readFileSync(path, "utf8").split("\n"))
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : "it cannot be read"
    throw new Refusal(error instanceof SyntaxError ? 1 : 3, `${path}: ${why}`)
  }
}

const shownViolations = 20

function tell(
  { format, streams }: Call,
  counts: Readonly<Record<string, number>>,
  violations: ReadonlyArray<Violation>
): void {
  if (format === "json") {
    streams.out(`${JSON.stringify({ counts, violations })}\n`)
    return
  }
  for (const { kind, story, what } of violations.slice(0, shownViolations)) {
    streams.out(`${kind}: ${what}\n${story.map((line) => `  ${line}\n`).join("")}`)
  }
  const rest = violations.length - shownViolations
  if (rest > 0) streams.out(`… and ${rest} more\n`)
  const names = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  streams.out(`${names.join(", ")}\n`)
  streams.out(violations.length === 0 ? "the books agree\n" : `${violations.length} violations\n`)
}
