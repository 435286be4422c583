/** Which of PostgreSQL's errors pass, and which are a row's own fault. */

import { Effect, Layer } from "effect"
import { ConnectionError, DeadlockError, SqlError, UnknownError } from "effect/sql/SqlError"
import { describe, expect, it } from "vitest"
import { failureOf, isPartitionMissing } from "../../src/ledger/database-failure.ts"
import { externalDatabaseLayer } from "../../src/ledger/database.ts"

const coded = (code: string, message = "refused", routine = "ExecInsert"): SqlError =>
  new SqlError({
    reason: new UnknownError({
      cause: Object.assign(new Error(message), { code, routine }),
      message
    })
  })

describe("PostgreSQL's errors", () => {
  it("are a row's own fault only in the classes of data, constraints and limits", () => {
    for (const code of ["22021", "22003", "23502", "23514", "54000"]) {
      expect(failureOf(coded(code))._tag).toBe("LedgerRejected")
    }
    // Disk full, server starting, shutting down, table missing, password refused, out of memory.
    for (const code of ["53100", "57P03", "57P01", "42P01", "28P01", "53200", "XX000"]) {
      expect(failureOf(coded(code))._tag).toBe("LedgerUnavailable")
    }
  })

  it("are told apart for people", () => {
    const of = (reason: ConnectionError | DeadlockError) =>
      failureOf(new SqlError({ reason })).reason
    expect(of(new ConnectionError({ cause: undefined, message: "gone" }))).toBe("connection")
    expect(of(new DeadlockError({ cause: undefined, message: "dead" }))).toBe("serialization")
    expect(failureOf(coded("53100")).reason).toBe("refused 53100")
    expect(failureOf(coded("57P01")).reason).toBe("connection")
  })

  it("say when only the partition is missing, in whatever language", () => {
    const german = "keine Partition von Relation »transactions« für die Zeile gefunden"
    expect(isPartitionMissing(coded("23514", german, "ExecFindPartition"))).toBe(true)
    expect(isPartitionMissing(coded("23514", "no partition", "ExecConstraints"))).toBe(false)
  })
})

describe("the address of a database", () => {
  it("is refused in words when its password is not written as in an address", async () => {
    const name = "POINTSMAN_TEST_LEDGER_URL"
    process.env[name] = "postgresql://pointsman:p%zz@127.0.0.1:1/pointsman"
    const limits = { connections: 1, statementMs: 1000, lockMs: 1000 }
    const layer = Layer.build(externalDatabaseLayer(limits, { env: name }))
    const error = await Effect.runPromise(Effect.flip(Effect.scoped(layer)))
    delete process.env[name]
    expect(error).toMatchObject({ _tag: "LedgerUnusable", reason: "url" })
    expect(JSON.stringify(error)).not.toContain("p%zz")
  })
})
