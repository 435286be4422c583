/** The judge of scanned codes, row by row: what is permitted passes, what is not is told. */

import { describe, expect, it } from "vitest"
import type { Stan, TerminalId, TransactionId } from "../../src/domain/brand.ts"
import { auditPayments, type PaymentBooks } from "../../src/simulate/audit-payments.ts"
import type { SwitchRecord } from "../../src/simulate/audit.ts"
import { readBooks } from "../../src/simulate/book.ts"
import {
  PaymentBook,
  type PaymentEntry,
  type PaymentLine,
  readPayments
} from "../../src/simulate/payment-book.ts"

const paid = (change: Partial<PaymentEntry> = {}): PaymentEntry => ({
  wallet: "wallet",
  payment: "p-1",
  terminal: "Q0000001",
  amount: 100,
  paidMs: 1,
  accepted: true,
  told: 1,
  ...change
})

const booked = (change: Partial<SwitchRecord> = {}): SwitchRecord => ({
  id: "id-1" as TransactionId,
  version: 2,
  state: "answered",
  kind: "sale",
  terminal: "Q0000001" as TerminalId,
  stan: "000001" as Stan,
  amount: 100,
  approved: true,
  walletReference: "p-1",
  times: { receivedMs: 1 },
  ...change
})

const raised = ["order-over: paid too late, payment p-1"]

type Seen = readonly [
  entry: PaymentEntry,
  records: ReadonlyArray<SwitchRecord>,
  books?: Partial<PaymentBooks>
]

const judged = ([entry, records, books = {}]: Seen): ReadonlyArray<string> =>
  auditPayments({ payments: [entry], raised: [], unannounced: new Set(), ...books }, records)
    .map(({ kind }) => kind)

describe("of scanned codes the table permits", () => {
  const permitted: ReadonlyArray<readonly [string, Seen]> = [
    ["accepted, booked and announced once", [paid(), [booked()]]],
    ["never accepted, nowhere", [paid({ accepted: false, told: 0 }), []]],
    ["booked, though the wallet never heard so", [paid({ accepted: false }), [booked()]]],
    ["a screen code that was over, told to a human", [
      paid({ order: "o-1", told: 0 }),
      [],
      { raised }
    ]],
    ["an announcement that ran out of time", [
      paid({ told: 0 }),
      [booked()],
      { unannounced: new Set(["id-1"]) }
    ]],
    ["a counter of which no book was kept", [
      paid({ told: 0 }),
      [booked()],
      { listening: new Set(["Q0000002"]) }
    ]]
  ]
  for (const [name, seen] of permitted) it(name, () => expect(judged(seen)).toEqual([]))
})

describe("of scanned codes the table forbids", () => {
  const forbidden: ReadonlyArray<readonly [string, string, Seen]> = [
    ["accepted, and nowhere", "lost", [paid({ told: 0 }), []]],
    ["booked twice", "doubled", [
      paid(),
      [booked(), booked({ id: "id-2" as TransactionId })]
    ]],
    ["announced twice", "doubled", [paid({ told: 2 }), [booked()]]],
    ["never announced", "unfinished", [
      paid({ told: 0 }),
      [booked()],
      { listening: new Set(["Q0000001"]) }
    ]],
    ["announced, and not booked", "unasked", [paid({ accepted: false }), []]],
    ["booked with another amount", "differs", [paid(), [booked({ amount: 101 })]]],
    ["booked at another counter", "differs", [
      paid(),
      [booked({ terminal: "Q0000002" as TerminalId })]
    ]],
    ["booked as not paid", "differs", [paid(), [booked({ approved: false })]]],
    ["a printed code, told to a human", "differs", [paid({ told: 0 }), [], { raised }]]
  ]
  for (const [name, kind, seen] of forbidden) it(name, () => expect(judged(seen)).toEqual([kind]))
})

describe("books of payments", () => {
  const kept = (keep: (book: PaymentBook) => void): ReadonlyArray<PaymentLine> => {
    const lines: Array<string> = []
    keep(new PaymentBook((line) => lines.push(JSON.stringify(line))))
    return readBooks(lines).payments
  }
  const wallet = kept((book) => {
    book.pay(paid({ accepted: false, told: 0 }))
    book.accept("p-1")
  })
  const counter = (payment: string, amount: number) =>
    kept((book) => {
      book.listen("Q0000001")
      book.tell("Q0000001", payment, amount)
    })

  it("are one, whoever's lines come first", () => {
    const lines = counter("p-1", 100)
    for (const order of [[...wallet, ...lines], [...lines, ...wallet]]) {
      const { book, wrong } = readPayments(order)
      expect([...book.entries.values()]).toEqual([paid()])
      expect([...book.listening]).toEqual(["Q0000001"])
      expect(wrong).toEqual([])
    }
  })

  it("tell what a counter was told wrongly", () => {
    const wrongs = [counter("p-1", 99), counter("p-9", 100)]
      .map((lines) => readPayments([...wallet, ...lines]).wrong)
    expect(wrongs).toEqual([
      ["counter Q0000001 is told 99 of p-1: 100"],
      ["counter Q0000001 is told of p-9, which nobody paid"]
    ])
  })
})
