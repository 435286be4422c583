/**
 * PostgreSQL's errors in the writer's two words: worth another try, or a row that will never be
 * taken. By SQLSTATE: classes 22 (data), 23 (constraint) and 54 (limit) are the rows' own fault;
 * everything else is the server's, the network's or the schema's, and passes.
 */

import type { SqlError } from "effect/sql/SqlError"
import { LedgerRejected, LedgerUnavailable } from "../domain/ports/ledger.ts"

function sqlStateOf(error: SqlError): string {
  const cause = error.reason.cause
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : ""
  return typeof code === "string" ? code : ""
}

/** 23514 by the routine that looks for one; the text is in the server's own language. */
export function isPartitionMissing(error: SqlError): boolean {
  const cause = error.reason.cause
  return sqlStateOf(error) === "23514" && cause instanceof Error && "routine" in cause &&
    cause.routine === "ExecFindPartition"
}

export function failureOf(error: SqlError): LedgerUnavailable | LedgerRejected {
  const state = sqlStateOf(error)
  if (/^(22|23|54)/.test(state)) {
    return new LedgerRejected({ reason: `${state} ${error.reason._tag}` })
  }
  return new LedgerUnavailable({ reason: unavailableReason(error, state) })
}

export function unavailable(error: SqlError): LedgerUnavailable {
  return new LedgerUnavailable({ reason: unavailableReason(error, sqlStateOf(error)) })
}

function unavailableReason(error: SqlError, state: string): string {
  switch (error.reason._tag) {
    case "ConnectionError":
      return "connection"
    case "LockTimeoutError":
    case "StatementTimeoutError":
      return "timeout"
    case "DeadlockError":
    case "SerializationError":
      return "serialization"
    default:
      return state === "" || state.startsWith("57P") ? "connection" : `refused ${state}`
  }
}
