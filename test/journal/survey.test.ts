/** A survey gives what a whole decoding gives, for every field and any text. */

import { describe, expect, it } from "vitest"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { decodeRow, encodeRow, tableNumber } from "../../src/journal/rows.ts"
import { Survey } from "../../src/journal/survey.ts"
import { answered, transaction } from "./records.ts"

const table = tableNumber("transactions")
const looked = ["state", "id", "original", "upstream", "upstreamStan", "ownMs"] as const
const kept = ["terminal", "id", "stan", "batch", "walletReference", "amount", "ownMs"] as const

function recordAt(number: number): TransactionRecord {
  const record = number % 3 === 0 ? transaction(number) : answered(transaction(number % 6_000))
  const { batch, ...without } = { ...record, id: transaction(number).id }
  if (number % 7 === 0) return { ...without, walletReference: `单号 ${number}` }
  if (number % 11 === 0) return { ...without, batch: `é${number % 40}`.padEnd(40, "b") }
  return batch === undefined ? without : { ...without, batch }
}

const whole = (record: TransactionRecord) =>
  decodeRow<"transactions">(table, Uint8Array.from(encodeRow(table, record)))

const only = (fields: ReadonlyArray<keyof TransactionRecord>, of: Partial<TransactionRecord>) =>
  Object.fromEntries(
    fields.filter((field) => of[field] !== undefined).map((field) => [field, of[field]])
  )

const byId = (left: { readonly id: string }, right: { readonly id: string }) =>
  left.id < right.id ? -1 : 1

describe("a survey", () => {
  it("sees the fields of the record, and keeps them by terminal after the log was read", () => {
    const survey = new Survey(looked, kept)
    const records = Array.from({ length: 15_000 }, (_, number) => recordAt(number))
    const log = Buffer.alloc(4096)
    for (const record of records) {
      log.fill(0xff)
      log.set(encodeRow(table, record), 11)
      survey.look(log, 11)
      expect(only(looked, survey.seen)).toEqual(only(looked, whole(record)))
    }
    log.fill(0)
    const byTerminal = Map.groupBy(records, ({ terminal }) => terminal)
    expect(byTerminal.size).toBeGreaterThan(6_000)
    for (let terminals = byTerminal.size; terminals > 0; terminals--) {
      const terminal = survey.windows.next()!
      const window = survey.windows.take(terminal).sort(byId)
      const expected = byTerminal.get(window[0]!.terminal)!.sort(byId)
      expect(window.length).toBe(expected.length)
      expect(window).toEqual(expected.map((record) => only(kept, whole(record))))
      expect(survey.windows.take(terminal)).toEqual([])
    }
    expect(survey.windows.next()).toBeUndefined()
  })

  it("finds nothing in the cells that an older record has not", () => {
    const survey = new Survey(["stan", "panToken"], ["terminal", "panToken", "stan"])
    // An array of the first 16 columns only, the last of which is the STAN.
    const older = Buffer.from(encodeRow(table, transaction(5)))
    older.writeUInt16BE(16, 1)
    survey.look(older, 0)
    expect([survey.seen.stan, survey.seen.panToken]).toEqual(["000005", undefined])
    expect(survey.windows.take("10000005")).toEqual([{ terminal: "10000005", stan: "000005" }])
  })
})
