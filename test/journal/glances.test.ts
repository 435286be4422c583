/** Glances give what a whole decoding gives, for every field and any text. */

import { describe, expect, it } from "vitest"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { glancer } from "../../src/journal/glances.ts"
import { decodeRow, encodeRow, tableNumber } from "../../src/journal/rows.ts"
import { answered, transaction } from "./records.ts"

const table = tableNumber("transactions")

describe("a glance", () => {
  it("has the fields of the record, absent ones included, long after the log was read", () => {
    const fields = [
      "terminal",
      "id",
      "stan",
      "batch",
      "walletReference",
      "amount",
      "ownMs"
    ] as const
    const glance = glancer(fields)
    const records: Array<TransactionRecord> = []
    for (let number = 0; number < 5_000; number++) {
      const record = number % 3 === 0 ? transaction(number) : answered(transaction(number))
      records.push(number % 7 === 0 ? { ...record, walletReference: `单号 ${number}` } : record)
    }
    const log = Buffer.alloc(4096)
    const glances = records.map((record) => {
      const bytes = encodeRow(table, record)
      log.fill(0xff)
      log.set(bytes, 11)
      return glance(log, 11)
    })
    log.fill(0)
    for (const [index, record] of records.entries()) {
      const whole = decodeRow<"transactions">(table, Uint8Array.from(encodeRow(table, record)))
      for (const field of fields) expect(glances[index]![field]).toEqual(whole[field])
    }
  })
})
