/** Batch closes: field 48, sums, doubts decided by the terminal's own totals, uploads. */

import { describe, expect, it } from "vitest"
import { addBatch, closeBatch, compareUpload } from "../../src/domain/batch-totals.ts"
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
      closeBatch({ domestic: debit(amount, count), foreign: none }, records)
    expect(close(130, 3)).toMatchObject({
      balanced: true,
      delivered: [idOf(2), idOf(3)],
      undelivered: []
    })
    expect(close(120, 2)).toMatchObject({ delivered: [idOf(3)], undelivered: [idOf(2)] })
    expect(close(100, 1)).toMatchObject({ delivered: [], undelivered: [idOf(2), idOf(3)] })
    expect(close(999, 1)).toMatchObject({ balanced: false, delivered: [], undelivered: [] })
    const alike = [doubt(1, 10), doubt(2, 10)]
    expect(closeBatch({ domestic: debit(10, 1), foreign: none }, alike)).toMatchObject({
      balanced: true,
      delivered: [],
      undelivered: []
    })
  })

  it("compares an upload line by line", () => {
    const records = [sale(1, { amount: 100 }), sale(2, { amount: 200 }), sale(3, { amount: 300 })]
    const uploaded = [
      { stan: "000001", amount: 100 },
      { stan: "000002", amount: 201 },
      { stan: "000009", amount: 5 }
    ]
    expect(compareUpload(uploaded, records)).toEqual({
      unknown: [{ stan: "000009", amount: 5 }],
      differing: [idOf(2)],
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
    expect(compareUpload([], [sale(3, { amount: 1, state })]).missing).toEqual([idOf(3)])
  })
})
