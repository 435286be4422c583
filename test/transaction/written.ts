/**
 * What is written down of a transaction: as it stands in the journal with its sealed side open, and
 * as the feed tells PostgreSQL; and the words that most of these records share.
 */

import { expect } from "vitest"
import type { BusinessDay, Stan, TransactionId } from "../../src/domain/brand.ts"
import type { LedgerEntry } from "../../src/domain/ports/journal.ts"
import type { Submission } from "../../src/domain/ports/transactions.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { type FakeAsker, profile, Stage } from "./stage.ts"

export const noon = 1_700_000_000_000
export const pan = "6235012345678900"

/** Ids are made of the hour, and of a number within its millisecond. */
export const idAt = (ms: number, place = 0) =>
  `018bcfe5-${(0x6800 + ms).toString(16)}-700${place}-8000-000000000000` as TransactionId

/** Whatever a terminal can say of a card. */
export const everything = {
  entryMode: "051",
  localTime: "1114221320",
  expiry: "3012",
  cardSequence: "001",
  stan: "000041" as Stan
}

/** 2 ms on its way here, 1 ms until the disk has it, 40 ms at the upstream. */
export function forwarded(stage: Stage, submission: Submission): FakeAsker {
  stage.time.hold(2)
  const asker = stage.ask(submission)
  stage.time.hold(1)
  stage.journal.sync()
  stage.time.hold(40)
  return asker
}

/** Nothing that only a few transactions have, whether or not the upstream has names for them. */
export function plain(stage: Stage): Submission {
  stage.upstreams.names = () => ({})
  stage.route = undefined
  const { amount: _amount, batch: _batch, currency: _currency, pan: _pan, ...rest } = stage.sale()
  return rest
}

/** A record with its sealed side open, and the answer in it as text. */
export function open(stage: Stage, { sealed, ...record }: TransactionRecord) {
  const { answer, ...facts } = stage.room.sealing.open(sealed)
  const text = answer && Buffer.from(answer).toString("latin1")
  return { record, facts, ...(text === undefined ? {} : { answer: text }) }
}

export const only = (stage: Stage) => open(stage, stage.records[0]!)

/** What the feed tells of transactions: each is what the journal holds of it, in the end. */
export function told(stage: Stage): Array<string> {
  const newest = new Map<string, LedgerEntry>()
  for (const entry of stage.journal.fed) {
    if (entry.table === "transactions") newest.set(entry.row.id, entry)
  }
  for (const record of stage.records) expect(newest.get(record.id)?.row).toBe(record)
  return stage.journal.fed.map(lineOf)
}

function lineOf(entry: LedgerEntry): string {
  switch (entry.table) {
    case "transactions":
      return `${entry.row.kind} ${entry.row.version} ${entry.row.state}`
    case "advices":
      return `advice ${entry.row.state}`
    case "exceptions":
      return `exception ${entry.row.reason}`
    default:
      return entry.table
  }
}

/** As it was asked, and where it went. */
export const asked = {
  id: idAt(2),
  kind: "sale",
  channel: "chip",
  scheme: "card",
  day: "2026-11-26" as BusinessDay,
  key: "T0000001|000001|000041|sale",
  fingerprint: "digest of sale|000000|100|156|6235012345678900",
  terminal: profile.terminal,
  merchant: profile.merchant,
  session: 1,
  mti: "0200",
  processingCode: "000000",
  entryMode: "051",
  stan: "000041",
  batch: "000001",
  localTime: "1114221320",
  amount: 100,
  currency: "156",
  panMask: "623501******8900"
}
export const sent = {
  ...asked,
  configVersion: 7,
  route: "r",
  upstream: "a",
  link: 0,
  upstreamStan: "000001",
  upstreamRrn: "R000001",
  upstreamTime: "1114221320",
  walletReference: "order 000001"
}
export const facts = { pan, expiry: "3012", cardSequence: "001" }
export const receivedMs = noon + 2
export const forwardedMs = noon + 2

/** Everything the terminal and the upstream can say. */
export function richly(stage = new Stage()): { readonly stage: Stage; readonly asker: FakeAsker } {
  const { names } = stage.upstreams
  stage.upstreams.names = (stan) => ({ ...names(stan), time: "1114221320" })
  return { stage, asker: forwarded(stage, stage.sale(everything)) }
}
