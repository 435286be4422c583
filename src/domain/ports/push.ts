/**
 * Telling a terminal something it did not ask for: durable, ordered, acknowledged, kept for
 * reconnect.
 */

import { Context } from "effect"
import type { TerminalId, TransactionId } from "../brand.ts"
import type { PushRecord } from "../order.ts"
import type { JournalWrite } from "./journal.ts"

export interface PushShape {
  /**
   * Makes the record and the journal writes that keep it, for the caller to commit together with
   * what caused it; `send` is called after that commit and delivers now or on reconnect.
   */
  readonly prepare: (
    terminal: TerminalId,
    transaction: TransactionId,
    body: PushRecord["body"],
    lifetimeMs: number
  ) => {
    readonly record: PushRecord
    readonly writes: ReadonlyArray<JournalWrite>
    readonly send: () => void
  }
  readonly pending: (terminal: TerminalId) => number
}

export class Push extends Context.Service<Push, PushShape>()("pointsman/domain/ports/Push") {}
