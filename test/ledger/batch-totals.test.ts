/** Batch closes: field 48, sums, doubts decided by the terminal's own totals, uploads. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  addBatch,
  closeBatch,
  compareUpload,
  type Counted,
  isBalanced,
  readBatchTotals
} from "../../src/domain/batch-totals.ts"
import type { CompiledDialect } from "../../src/iso8583/dialect.ts"
import type { Message, Values } from "../../src/iso8583/message.ts"
import { readDeclared } from "../../src/ledger/declared-totals.ts"
import { compiled, dialect, source } from "../iso8583/shipped.ts"
import { idOf, sale } from "./records.ts"

const none = { debit: 0, debits: 0, credit: 0, credits: 0 }
const debit = (amount: number, count: number) => ({ ...none, debit: amount, debits: count })

describe("field 48 of a batch close", () => {
  const cup = dialect("cup-pos")
  const close = { "11": "000001", "41": "T0000001", "42": "M00000000000001" }
  const messageOf = (spoken: CompiledDialect, values: Values): Message => {
    const message = spoken.read(spoken.build("0500", { ...close, ...values }))
    if (!("text" in message)) throw new Error(JSON.stringify(message))
    return message
  }
  // A captured 0500: seven debits of 0.07 in all, no credits, no foreign cards.
  const text = `000000000007007${"0".repeat(47)}`

  it("is read as in the captured 0500 frame, and written back with a flag", () => {
    const request = messageOf(cup, { "48": text })
    const declared = readDeclared(request)
    expect(declared?.totals).toEqual({ domestic: debit(7, 7), foreign: none })
    const { response1987, values } = declared!.answer(declared!.totals)
    const answer = cup.read(cup.respond(request, response1987, values, false)) as Message
    expect(answer.text("48")).toBe(`000000000007007${"0".repeat(15)}1${"0".repeat(30)}1`)
    expect(readDeclared(messageOf(cup, { "48": text.slice(0, 61) }))).toBeUndefined()
    expect(readDeclared(messageOf(cup, { "48": "0007" }))).toBeUndefined()
  })

  it("is read only whole: a part that is missing or no number leaves nothing", () => {
    const places = Array.from({ length: 10 }, (_, index) => String(index + 1))
    for (const place of places) {
      for (const bad of [undefined, "", "1x", "x1"]) {
        expect(readBatchTotals((id) => id === place ? bad : "1")).toBeUndefined()
      }
    }
  })

  it("stands where the dialect declares its parts", () => {
    const shipped = source("dialects", "cup-pos") as { fields: Record<number, object> }
    const widths = [8, 4, 8, 4, 1, 8, 4, 8, 4, 1]
    const parts = widths.map((length, index) => ({ id: String(index + 1), length, name: "part" }))
    const field48 = { ...shipped.fields[48], parts }
    const other = compiled({ ...shipped, fields: { ...shipped.fields, 48: field48 } })
    const request = messageOf(other, { "48": `000000070007${"0".repeat(38)}` })
    const declared = readDeclared(request)
    expect(declared?.totals).toEqual({ domestic: debit(7, 7), foreign: none })
    const { values } = declared!.answer({ domestic: debit(5, 5), foreign: none })
    const answer = other.read(other.respond(request, "00", values, false)) as Message
    expect(answer.text("48")).toBe(`000000050005${"0".repeat(12)}2${"0".repeat(24)}1`)
  })

  it("says of each half by itself whether it is balanced", () => {
    const declared = readDeclared(messageOf(cup, { "48": text }))!
    const flags = (domestic: number, foreign: number) => {
      const { values } = declared.answer({
        domestic: debit(domestic, 7),
        foreign: debit(foreign, 0)
      })
      return [values["48.5"], values["48.10"]]
    }
    expect([flags(7, 0), flags(8, 0), flags(7, 1), flags(8, 1)])
      .toEqual([["1", "1"], ["2", "1"], ["1", "2"], ["2", "2"]])
  })
})

/** Half by half, or all in the first one; of kinds that are debits and credits by themselves. */
function summed(records: ReadonlyArray<Counted>, halves: boolean) {
  const totals = { domestic: { ...none }, foreign: { ...none } }
  for (const { amount, kind, panMask } of records) {
    const sums = halves && panMask!.startsWith("4") ? totals.foreign : totals.domestic
    const side = kind === "refund" ? "credit" : "debit"
    sums[side] += amount!
    sums[`${side}s`]++
  }
  return totals
}

const isSame = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b)

const subsetsOf = <T>(all: ReadonlyArray<T>): ReadonlyArray<ReadonlyArray<T>> =>
  [...Array(1 << all.length).keys()].map((way) => all.filter((_, at) => (way >> at) & 1))

describe("a batch", () => {
  it("counts what stands: not declined, not reversed, not voided", () => {
    const totals = addBatch([
      sale(1, { amount: 100 }),
      sale(2, { amount: 200, approvedAmount: 150 }),
      sale(3, { amount: 400, approved: false }),
      sale(4, { amount: 800, state: "reversed" }),
      // Its reversal was never acknowledged; the terminal sent it, or never had the answer.
      sale(11, { amount: 3200, state: "exception" }),
      sale(5, { amount: 1600 }),
      sale(6, { amount: 1600, kind: "void", original: idOf(5) }),
      sale(7, { amount: 30, kind: "refund" }),
      sale(8, { amount: 70, kind: "void", original: idOf(99) }),
      sale(9, { amount: 9, panMask: "411111******1111" }),
      sale(10, { amount: 5, scheme: "wechat", panMask: "100000****0001" })
    ])
    expect(totals).toEqual({
      domestic: { debit: 255, debits: 3, credit: 100, credits: 2 },
      foreign: debit(9, 1)
    })
  })

  it("counts what people look at as long as no reversal was sent for it", () => {
    const offline = sale(1, { amount: 100, kind: "offline-sale", state: "exception" })
    expect(addBatch([offline]).domestic).toEqual(debit(100, 1))
    const sold = sale(2, { amount: 200, state: "exception" })
    expect(compareUpload([], [offline, sold]).missing).toEqual([idOf(1)])
  })

  it("decides deliveries in doubt only where one way balances", () => {
    const doubt = (n: number, amount: number) => sale(n, { amount, state: "delivery-unconfirmed" })
    const records = [sale(1, { amount: 100 }), doubt(2, 10), doubt(3, 20)]
    const close = (amount: number, count: number) =>
      closeBatch({ domestic: debit(amount, count), foreign: none }, records, true)
    expect(close(130, 3)).toMatchObject({
      balanced: true,
      delivered: [idOf(2), idOf(3)],
      undelivered: []
    })
    expect(close(120, 2)).toMatchObject({ delivered: [idOf(3)], undelivered: [idOf(2)] })
    expect(close(100, 1)).toMatchObject({ delivered: [], undelivered: [idOf(2), idOf(3)] })
    expect(close(999, 1)).toMatchObject({ balanced: false, delivered: [], undelivered: [] })
    const alike = [doubt(1, 10), doubt(2, 10)]
    expect(closeBatch({ domestic: debit(10, 1), foreign: none }, alike, true)).toMatchObject({
      balanced: true,
      delivered: [],
      undelivered: []
    })
  })

  it("decides of any batch what exactly one way of counting explains, and no more", () => {
    const row = fc.record({
      amount: fc.integer({ min: 1, max: 3 }),
      kind: fc.constantFrom<Counted["kind"]>("sale", "refund", "offline-sale"),
      panMask: fc.constantFrom("621234******4567", "411111******1111"),
      // Undefined: nobody doubts it; otherwise, does the terminal have it?
      arrived: fc.option(fc.boolean(), { nil: undefined })
    })
    const batch = fc.array(row, { maxLength: 7 })
    const mistake = fc.constantFrom("none", "exchanged", "domestic", "foreign")
    const sum = fc.constantFrom("debit", "debits", "credit", "credits")
    fc.assert(fc.property(batch, fc.boolean(), mistake, sum, (rows, halves, wrong, place) => {
      const records = rows.map(({ arrived, ...changes }, index) =>
        sale(index + 1, {
          ...changes,
          state: arrived === undefined ? "answered" : "delivery-unconfirmed"
        })
      )
      const right = summed(records.filter((_, at) => rows[at]!.arrived !== false), halves)
      const declared = wrong === "exchanged" && halves
        ? { domestic: right.foreign, foreign: right.domestic }
        : right
      if (wrong === "domestic" || wrong === "foreign") {
        declared[halves ? wrong : "domestic"][place]++
      }
      const doubts = records.filter(({ state }) => state === "delivery-unconfirmed")
      const ways = subsetsOf(doubts).filter((out) =>
        isSame(declared, summed(records.filter((record) => !out.includes(record)), halves))
      )
      const close = closeBatch(declared, records, halves)
      const [only] = ways
      expect(close.balanced).toBe(only !== undefined)
      expect(isBalanced(declared, close.counted, halves)).toBe(only !== undefined)
      const decided = only !== undefined && ways.length === 1
      expect(close.undelivered).toEqual(decided ? only.map(({ id }) => id) : [])
      expect(close.delivered).toEqual(
        decided ? doubts.filter((each) => !only.includes(each)).map(({ id }) => id) : []
      )
    }))
  })

  it("leaves it to the upload when too many deliveries are in doubt", () => {
    const doubts = (count: number) =>
      Array.from(
        { length: count },
        (_, n) => sale(n + 1, { amount: 2 ** n, state: "delivery-unconfirmed" })
      )
    const close = (count: number, amount: number, arrived: number) => {
      const { balanced, counted, delivered, undelivered } = closeBatch(
        { domestic: debit(amount, arrived), foreign: none },
        doubts(count),
        true
      )
      return [balanced, counted.domestic.debits, delivered.length, undelivered.length]
    }
    expect(close(10, 1023, 10)).toEqual([true, 10, 10, 0])
    expect(close(10, 1022, 9)).toEqual([true, 9, 9, 1])
    expect(close(11, 2047, 11)).toEqual([true, 11, 11, 0])
    expect(close(11, 2046, 10)).toEqual([false, 11, 0, 0])
    expect(close(11, 0, 0)).toEqual([false, 11, 0, 0])
  })

  it("lets only a void take another out: not what refunds it, completes it or cancels it", () => {
    const { panMask: _, ...cashless } = sale(7, { amount: 5 })
    const records = [
      sale(1, { amount: 100 }),
      sale(2, { amount: 40, kind: "refund", original: idOf(1) }),
      sale(3, { amount: 200, kind: "preauth" }),
      sale(4, { amount: 150, kind: "completion", original: idOf(3) }),
      // Of the batch before.
      sale(5, { amount: 70, kind: "completion", original: idOf(90) }),
      sale(6, { amount: 30, kind: "preauth-cancel", original: idOf(91) }),
      // Without a card there is no foreign one.
      cashless
    ]
    expect(addBatch(records).domestic).toEqual({ debit: 325, debits: 4, credit: 40, credits: 1 })
  })

  it("compares an upload line by line", () => {
    const { panMask: _, ...cashless } = sale(8, { amount: 800 })
    const records = [
      sale(1, { amount: 100 }),
      sale(2, { amount: 200 }),
      sale(3, { amount: 300 }),
      sale(4, { amount: 400, approvedAmount: 350 }),
      sale(5, { amount: 500, approvedAmount: 450 }),
      // Declined: no money that a terminal could have.
      sale(6, { amount: 600, approved: false }),
      sale(7, { amount: 700 }),
      cashless
    ]
    const uploaded = [
      { stan: "000001", amount: 100, card: "621234******4567" },
      { stan: "000002", amount: 201 },
      { stan: "000004", amount: 350 },
      { stan: "000005", amount: 500 },
      { stan: "000006", amount: 600 },
      { stan: "000007", amount: 700, card: "621234******4568" },
      { stan: "000008", amount: 800, card: "621234******4567" },
      { stan: "000009", amount: 5 }
    ]
    expect(compareUpload(uploaded, records)).toEqual({
      unknown: [uploaded[4], uploaded[7]],
      differing: [idOf(2), idOf(5), idOf(7)],
      missing: [idOf(3)]
    })
  })

  it("misses nothing that no terminal uploads", () => {
    const sold = sale(1, { amount: 100 })
    const voided = sale(2, { amount: 100, kind: "void", original: idOf(1) })
    const others = [
      sale(3, { kind: "balance" }),
      sale(4, { amount: 500, kind: "preauth" }),
      sale(5, { amount: 500, kind: "preauth-cancel", original: idOf(4) })
    ]
    expect(compareUpload([], [sold, voided, ...others]).missing).toEqual([])
    // The terminal has the sale, and so not its void.
    const held = [{ stan: "000001", amount: 100 }]
    expect(compareUpload(held, [sold, voided, ...others]).missing).toEqual([idOf(2)])
  })

  it("takes a void in doubt for heard where its sale was left out too", () => {
    const sold = sale(1, { amount: 100 })
    const state = "delivery-unconfirmed"
    const voided = sale(2, { amount: 100, kind: "void", original: idOf(1), state })
    expect(compareUpload([], [sold, voided]).missing).toEqual([])
    expect(compareUpload([{ stan: "000001", amount: 100 }], [sold, voided]).missing).toEqual([
      idOf(2)
    ])
    const others = [sale(3, { amount: 1, state }), sale(4, { kind: "preauth", state })]
    expect(compareUpload([], others).missing).toEqual([idOf(3), idOf(4)])
  })
})
