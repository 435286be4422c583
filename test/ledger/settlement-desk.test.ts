/** Batch closes and uploads as terminals send them, over a real server and a journal in memory. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { LedgerEntry } from "../../src/domain/ports/journal.ts"
import { LedgerStore } from "../../src/domain/ports/ledger.ts"
import type { DecidedDoubts } from "../../src/domain/ports/transactions.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import type { Message } from "../../src/iso8583/message.ts"
import { postgresBooksLayer } from "../../src/ledger/batch-books.ts"
import { postgresStoreLayer } from "../../src/ledger/postgres-store.ts"
import { migrateSchema } from "../../src/ledger/schema.ts"
import {
  makeSettlementDesk,
  type SettlementAnswer,
  type SettlementRequest
} from "../../src/ledger/settlement-desk.ts"
import { dialect } from "../iso8583/shipped.ts"
import { machine } from "./machine.ts"
import { MemoryJournal } from "./memory-journal.ts"
import { entry, idOf, sale } from "./records.ts"
import { SharedServer } from "./server.ts"

const server = new SharedServer()
const journal = new MemoryJournal()
const held: Array<TransactionRecord> = []
const decisions: Array<DecidedDoubts> = []
const now = Date.now()
const today = new Date(now).toISOString().slice(0, 10) as never

const own = (n: number, changes: Partial<TransactionRecord> = {}): TransactionRecord => {
  const times = { receivedMs: now - 60_000 + n, answeredMs: now - 50_000 + n }
  return sale(n, { terminal: "T0000001" as never, day: today, amount: 1000, times, ...changes })
}

const store = (entries: ReadonlyArray<LedgerEntry>) =>
  server.run(
    Effect.flatMap(LedgerStore, (ledger) => ledger.write(entries)).pipe(
      Effect.provide(postgresStoreLayer({
        node: "n1",
        timeoutMs: 10_000,
        partitionMissing: () => undefined
      }))
    )
  )

beforeAll(async () => {
  await server.start()
  const rows = [own(1), own(2), own(3, { kind: "refund", amount: 300 })]
  await server.run(migrateSchema)
  await store(rows.map(entry))
  held.push(own(4, { state: "delivery-unconfirmed", amount: 50 }))
})
afterAll(() => server.stop())

type Words = Partial<SettlementRequest> & { readonly fields: Record<string, string> }

const cup = dialect("cup-pos")
const terminal = { "11": "000001", "41": "T0000001", "42": "M00000000000001" }

/** A close in the dialect of those who fill field 48. */
const closeOf = ({ "48": text }: Record<string, string>): Message | undefined =>
  text === undefined
    ? undefined
    : cup.read(cup.build("0500", { ...terminal, "48": text })) as Message

/** Field 48 of an answer with these values. */
const field48 = ({ values }: SettlementAnswer): string | undefined => {
  const answer = cup.build("0510", { ...terminal, "39": "00", ...values })
  return (cup.read(answer) as Message).text("48")
}

const requestOf = ({ fields, ...request }: Words): SettlementRequest => ({
  kind: "settlement",
  terminal: "T0000001" as never,
  merchant: "M1" as never,
  batch: "000001",
  message: {
    text: (path: string) => path.startsWith("48.") ? closeOf(fields)?.text(path) : fields[path],
    role: (role: string) => fields[role]
  } as SettlementRequest["message"],
  ...request
})

/** Asks one desk in turn, and gives each answer with what it wrote to the journal. */
const converse = (requests: ReadonlyArray<Words>) =>
  server.run(
    Effect.gen(function*() {
      const desk = yield* makeSettlementDesk({
        held: () => held,
        decided: (close) => void decisions.push(close)
      })
      return yield* Effect.forEach(requests, (words) =>
        Effect.gen(function*() {
          const answer = yield* Effect.callback<SettlementAnswer>((resume) =>
            desk(requestOf(words), (told) => resume(Effect.succeed(told)))
          )
          const feed = journal.shape.feedAfter(0, 10).map((each) => each.entry)
          journal.shape.feedWritten(journal.appended, journal.appended)
          return { answer, feed }
        }))
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(journal.layer, machine, postgresBooksLayer))
    )
  )

const ask = async (words: Words) => (await converse([words]))[0]!

const n62 = (debit: number, debits: number, credit: number, credits: number) =>
  [[debit, 12], [debits, 3], [credit, 12], [credits, 3]]
    .map(([value, length]) => String(value).padStart(length ?? 0, "0"))
    .join("")

describe("the settlement desk", () => {
  it("closes a balanced batch durably, and decides what was in doubt", async () => {
    const text = `${n62(2050, 3, 300, 1)}0${n62(0, 0, 0, 0)}0`
    const { answer, feed } = await ask({ fields: { "48": text } })
    expect(answer.response1987).toBe("00")
    expect(field48(answer)).toBe(`${n62(2050, 3, 300, 1)}1${n62(0, 0, 0, 0)}1`)
    expect(feed).toMatchObject([{ table: "batches", row: { balanced: true, batch: "000001" } }])
    expect(decisions.at(-1)).toMatchObject({ delivered: [idOf(4)], undelivered: [] })
  })

  it("tells the terminal our totals when they differ, and which half", async () => {
    const { answer, feed } = await ask({
      fields: { "48": `${n62(9999, 3, 300, 1)}0${n62(0, 0, 0, 0)}0` }
    })
    expect(field48(answer)).toBe(`${n62(2050, 3, 300, 1)}2${n62(0, 0, 0, 0)}1`)
    expect(feed).toMatchObject([{ table: "batches", row: { balanced: false } }])
  })

  it("understands the 1987 form, without batches", async () => {
    const fields = { "74": "0000000001", "76": "0000000002", "86": "300", "88": "2000" }
    const { answer } = await ask({ batch: undefined, fields })
    expect(answer.response1987).toBe("00")
    expect(answer.values["66"]).toBe("1")
    expect(decisions.at(-1)).toMatchObject({ undelivered: [idOf(4)] })
    const wrong = await ask({ batch: undefined, fields: { ...fields, "88": "1" } })
    expect(wrong.answer).toMatchObject({ response1987: "95", values: { "66": "2" } })
  })

  it("without batches takes a repeat of a close, and its upload, for what was closed last", async () => {
    const here = { terminal: "T0000005" as never, batch: undefined }
    held.push(
      own(40, { terminal: here.terminal, amount: 500 }),
      own(41, { terminal: here.terminal, amount: 70 })
    )
    const close = (debits: number, debit: number): Words => ({
      ...here,
      fields: { "74": "0", "76": String(debits), "86": "0", "88": String(debit) }
    })
    const upload = (stan: string, amount: string): Words => ({
      kind: "batch-upload",
      ...here,
      fields: { stan, amount }
    })
    const told: Array<Awaited<ReturnType<typeof ask>>> = []
    for (
      const words of [
        close(2, 571),
        close(2, 571),
        upload("000040", "500"),
        upload("000041", "71"),
        close(2, 570),
        close(2, 570),
        close(0, 0)
      ]
    ) {
      const each = await ask(words)
      told.push(each)
      await store(each.feed)
    }
    const codes = told.map(({ answer }) => answer.response1987)
    expect(codes).toEqual(["95", "95", "00", "00", "00", "00", "00"])
    expect(told[1]?.answer.values).toMatchObject({ "76": "0000000002", "88": "0000000000000570" })
    expect(told[2]?.feed).toEqual([])
    const date = new Date().toISOString().slice(0, 10)
    expect(told[3]?.feed).toMatchObject([{ row: { id: `T0000005:${date}:000041:amount` } }])
  })

  it("counts what is on its way to PostgreSQL, and says come again while that is too much", async () => {
    const far = own(9, { amount: 7, terminal: "T0000009" as never })
    journal.append([entry(far), entry(own(8, { amount: 70 }))])
    const text = `${n62(2120, 4, 300, 1)}0${n62(0, 0, 0, 0)}0`
    expect(field48((await ask({ fields: { "48": text } })).answer))
      .toBe(`${n62(2120, 4, 300, 1)}1${n62(0, 0, 0, 0)}1`)
    journal.append(Array.from({ length: 5_001 }, () => entry(far)))
    expect((await ask({ fields: { "48": text } })).answer.response1987).toBe("91")
  })

  it("refuses what it cannot read", async () => {
    const { answer, feed } = await ask({ fields: { "48": "12" } })
    expect([answer, feed]).toEqual([{ response1987: "30", values: {} }, []])
  })

  it("compares uploads, and raises what is not known or differs", async () => {
    const upload = (stan: string, amount: string) =>
      ask({ kind: "batch-upload", fields: { stan, amount } })
    expect(await upload("000001", "1000")).toEqual({
      answer: { response1987: "00", values: {} },
      feed: []
    })
    expect((await upload("000001", "1001")).feed).toMatchObject([{
      row: { id: "T0000001:000001:000001:amount" }
    }])
    expect((await upload("000077", "5")).feed).toMatchObject([{
      row: { id: "T0000001:000001:000077:unknown" }
    }])
  })

  it("reads the list of a China UnionPay upload, and concludes from its end what was left out", async () => {
    decisions.length = 0
    held.push(own(21, { state: "delivery-unconfirmed", amount: 60, batch: "000002" as never }))
    held.push(own(22, { state: "delivery-unconfirmed", amount: 61, batch: "000002" as never }))
    held.push(own(23, { amount: 62, batch: "000002" as never }))
    const card = "6212341234124567"
    const mask = "621234******4567"
    expect(held.at(-1)?.panMask).toBe(mask)
    const line = (stan: number, amount: number, pan = card) =>
      `00${String(stan).padStart(6, "0")}${pan.padStart(20, "0")}${
        String(amount).padStart(12, "0")
      }`
    const say = (fields: Record<string, string>): Words => ({
      kind: "batch-upload",
      batch: "000002",
      fields: { stan: "000099", ...fields }
    })
    const [list, wrong, early, , end, unread] = await converse([
      say({ "48": `01${line(21, 60)}` }),
      say({ "48": `02${line(30, 5)}${line(21, 60, "6222020000000000")}` }),
      // Not as many as were listed: nothing is concluded.
      say({ "48": "0005", networkCode: "202" }),
      say({ "48": `01${line(21, 60)}` }),
      say({ "48": "0001", networkCode: "202" }),
      say({ "48": `03${line(21, 60)}`, stan: "" })
    ])
    expect(list).toEqual({ answer: { response1987: "00", values: {} }, feed: [] })
    expect(wrong?.feed).toMatchObject([
      { row: { id: "T0000001:000002:000030:unknown" } },
      { row: { id: "T0000001:000002:000021:amount" } }
    ])
    expect(JSON.stringify(wrong?.feed)).not.toContain(card)
    expect(early?.feed).toEqual([])
    expect(end?.answer.response1987).toBe("00")
    expect(end?.feed).toMatchObject([{ row: { id: "T0000001:000002:000023:left-out" } }])
    expect(decisions.at(0)).toEqual({ delivered: [idOf(21)], undelivered: [] })
    expect(decisions.at(-1)).toEqual({ delivered: [], undelivered: [idOf(22)] })
    expect(unread?.feed).toMatchObject([{ row: { id: "T0000001:000002:unread" } }])
  })

  it("is away when PostgreSQL is", async () => {
    await server.run(
      Effect.flatMap(PgClient.PgClient, (sql) => sql`ALTER TABLE transactions RENAME TO elsewhere`)
    )
    const { answer } = await ask({ fields: { "48": `${n62(0, 0, 0, 0)}0${n62(0, 0, 0, 0)}0` } })
    expect(answer.response1987).toBe("91")
  })
})
