/** Late follow-ons ask a real PostgreSQL, through a journal whose feed may lag. */

import { Effect, Layer } from "effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { FailureCode } from "../../src/domain/failures.ts"
import { Archive, type ArchiveQuestion } from "../../src/domain/ports/archive.ts"
import { LedgerStore } from "../../src/domain/ports/ledger.ts"
import type { TransactionRecord } from "../../src/domain/transaction.ts"
import { archiveLayer } from "../../src/ledger/archive.ts"
import { postgresStoreLayer } from "../../src/ledger/postgres-store.ts"
import { ensureSchema } from "../../src/ledger/schema.ts"
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
    ensureSchema(true),
    write(own(1, { taken: 300, walletReference: "W1" }), own(2, { stan: "000001" as never }))
  ))
})
afterAll(() => server.stop())
beforeEach(() => {
  journal = new MemoryJournal()
})

const ask = (change: Partial<ArchiveQuestion>) => {
  const question: ArchiveQuestion = {
    kinds: ["sale", "completion"],
    merchant: "M1" as never,
    terminal: "T0000001" as never,
    ...change
  }
  return server.run(
    Effect.flatMap(
      Archive,
      ({ find }) =>
        Effect.callback<TransactionRecord | FailureCode>((resume) =>
          find(question, (found) => resume(Effect.succeed(found)))
        )
    ).pipe(Effect.provide(archiveLayer.pipe(Layer.provide(Layer.merge(journal.layer, machine)))))
  )
}

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
