/** Late follow-ons ask a real PostgreSQL, through a journal whose feed may lag. */

import { Effect, Layer } from "effect"
import fc from "fast-check"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { FailureCode } from "../../src/domain/failures.ts"
import { Archive, type ArchiveQuestion } from "../../src/domain/ports/archive.ts"
import { LedgerStore } from "../../src/domain/ports/ledger.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { archiveLayer, makeArchive } from "../../src/ledger/archive.ts"
import { makeMemoryLedger } from "../../src/ledger/memory-ledger.ts"
import { postgresStoreLayer } from "../../src/ledger/postgres-store.ts"
import { migrateSchema } from "../../src/ledger/schema.ts"
import { machine } from "./machine.ts"
import { MemoryJournal } from "./memory-journal.ts"
import { entry, sale } from "./records.ts"
import { SharedServer } from "./server.ts"

const server = new SharedServer()
let journal = new MemoryJournal()
const now = Date.now()
const today = new Date(now).toISOString().slice(0, 10) as never

const own = (number: number, changes: Partial<TransactionRecord> = {}) =>
  sale(number, {
    terminal: "T0000001" as never,
    merchant: "M1" as never,
    day: today,
    times: { receivedMs: now - 60_000 + number, answeredMs: now - 50_000 + number },
    ...changes
  })

const write = (...rows: Array<TransactionRecord>) =>
  Effect.flatMap(LedgerStore, (ledger) => ledger.write(rows.map(entry))).pipe(
    Effect.provide(
      postgresStoreLayer({ node: "n1", timeoutMs: 10_000, partitionMissing: () => undefined })
    )
  )

beforeAll(async () => {
  await server.start()
  await server.run(Effect.andThen(
    migrateSchema,
    write(own(1, { taken: 300, walletReference: "W1" }), own(2, { stan: "000001" as never }))
  ))
})
afterAll(() => server.stop())
beforeEach(() => {
  journal = new MemoryJournal()
})

const asked = (change: Partial<ArchiveQuestion>) => {
  const question: ArchiveQuestion = {
    kinds: ["sale", "completion"],
    merchant: "M1" as never,
    terminal: "T0000001" as never,
    ...change
  }
  return Effect.flatMap(
    Archive,
    ({ find }) =>
      Effect.callback<TransactionRecord | FailureCode>((resume) =>
        find(question, (found) => resume(Effect.succeed(found)))
      )
  )
}

const ground = () => Layer.merge(journal.layer, machine)

const ask = (change: Partial<ArchiveQuestion>) =>
  server.run(Effect.provide(asked(change), Layer.provide(archiveLayer, ground())))

describe("the archive", () => {
  it("gives back a transaction as it was written, less what is sealed", async () => {
    const written = own(1, { taken: 300, walletReference: "W1" })
    expect(await ask({ rrn: written.rrn! })).toEqual(written)
    expect(await ask({ voucher: "W1", terminal: "T0000002" as never })).toEqual(written)
  })

  it("finds the newest by what its terminal says, and nothing of another's", async () => {
    expect(await ask({ stan: "000001" })).toMatchObject({ id: own(2).id })
    expect(await ask({ stan: "000001", terminal: "T0000002" as never })).toBe("original-unknown")
    expect(await ask({ rrn: own(1).rrn!, merchant: "M2" as never })).toBe("original-unknown")
    expect(await ask({ rrn: own(1).rrn!, authCode: "654321" })).toBe("original-unknown")
    expect(await ask({ rrn: own(1).rrn!, kinds: ["preauth"] })).toBe("original-unknown")
  })

  it("waits until PostgreSQL has what the journal had, and then takes the last version", async () => {
    const later = own(1, { version: 4, taken: 500, walletReference: "W1" })
    journal.append([entry(later)])
    let answered = false
    const found = ask({ rrn: later.rrn! }).finally(() => answered = true)
    await server.run(write(later))
    expect(answered).toBe(false)
    journal.shape.feedWritten(journal.appended, journal.appended)
    expect(await found).toMatchObject({ taken: 500 })
  })

  it("is unavailable when PostgreSQL lags for too long", async () => {
    journal.append([entry(own(9))])
    expect(await ask({ rrn: own(1).rrn! })).toBe("ledger-unavailable")
  })
})

describe("the archive of a reversal's question", () => {
  const half = own(20, { approvedAmount: 10, terminal: "T0000003" as never })
  const whose = { kinds: ["sale"] as const, terminal: "T0000003" as never, stan: half.stan }

  beforeAll(() => server.run(write(half)))

  it("finds nothing of another amount or card, or of another time than it says", async () => {
    const { amount, panMask } = half as Required<TransactionRecord>
    const { receivedMs } = half.times
    expect(await ask({ ...whose, amount, panMask, sinceMs: receivedMs })).toEqual(half)
    expect(await ask({ ...whose, amount: 10 })).toEqual(half)
    expect(await ask({ ...whose, amount: 11 })).toBe("original-unknown")
    expect(await ask({ ...whose, panMask: "411111******1111" })).toBe("original-unknown")
    expect(await ask({ ...whose, sinceMs: receivedMs + 1 })).toBe("original-unknown")
    expect(await ask({ ...whose, before: own(21).id })).toEqual(half)
    expect(await ask({ ...whose, before: half.id })).toBe("original-unknown")
  })

  it("takes no payment that came by notice for a message of number 000000", async () => {
    const terminal = "T0000004" as never
    const stan = "000000" as never
    await server.run(write(own(30, { terminal, stan }), own(31, { terminal, stan, mti: "" })))
    expect(await ask({ kinds: ["sale"], terminal, stan })).toMatchObject({ id: own(30).id })
  })
})

describe("the archive of the seeded world", () => {
  const terminal = fc.constantFrom("T0000005", "T0000006")
  const stan = fc.constantFrom("000001", "000002")
  const amount = fc.constantFrom(100, 200)
  const panMask = fc.constantFrom("621234******4567", "411111******1111")
  const some = <A>(value: fc.Arbitrary<A>) => fc.option(value, { nil: undefined })
  const row = fc.record({
    terminal,
    stan,
    amount,
    approvedAmount: some(amount),
    panMask: some(panMask),
    batch: some(fc.constantFrom("000001", "000002")),
    walletReference: some(fc.constantFrom("V1", "V2")),
    mti: fc.constantFrom("0200", "0200", "")
  })
  const question = fc.record({
    terminal,
    stan,
    amount: some(amount),
    panMask: some(panMask),
    batch: some(fc.constantFrom("000001", "000002")),
    voucher: some(fc.constantFrom("V1", "V2")),
    sinceMs: some(fc.constantFrom(now - 60_000 + 103, now - 60_000 + 106)),
    before: some(fc.integer({ min: 0, max: 8 }))
  })
  let number = 100

  it("says the same of the same rows as that of PostgreSQL", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 8 }), fc.array(question, { minLength: 4 }), (
        changes,
        questions
      ) => {
        const merchant = `M${number}` as never
        const first = number
        const { newest, store } = makeMemoryLedger()
        const rows = changes.map((change, at) =>
          own(number++, {
            ...defined<TransactionRecord>(change),
            merchant,
            ...receivedAt(100 + at)
          })
        )
        const inMemory = Layer.provide(Layer.effect(Archive, makeArchive(newest)), ground())
        return server.run(Effect.gen(function*() {
          yield* write(...rows)
          yield* store.write(rows.map(entry))
          for (const each of questions) {
            const before = each.before === undefined ? undefined : own(first + each.before).id
            const whole = asked({ ...defined<ArchiveQuestion>({ ...each, before }), merchant })
            const found = yield* Effect.provide(whole, inMemory)
            const archive = Layer.provide(archiveLayer, ground())
            expect(found).toEqual(yield* Effect.provide(whole, archive))
          }
        }))
      }),
      { numRuns: 30 }
    )
  })
})

const receivedAt = (atMs: number) => ({
  times: { receivedMs: now - 60_000 + atMs, answeredMs: now - 50_000 + atMs }
})

/** Without what is undefined: neither rows nor questions have that. */
function defined<A>(change: object): Partial<A> {
  const there = Object.entries(change).filter(([, value]) => value !== undefined)
  // The generators make the fields of an A.
  return Object.fromEntries(there) as Partial<A>
}
