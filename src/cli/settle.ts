/** `pointsman settle`: what a terminal's batch adds up to, by the rules of its settlement. */

import { Effect } from "effect"
import { addBatch } from "../domain/batch-totals.ts"
import { terminalIdOf } from "../domain/brand.ts"
import { postgresBooksLayer } from "../ledger/batch-books.ts"
import { batchRecords } from "../ledger/settlement.ts"
import { askLedger, dayOf } from "./ledger-questions.ts"
import { writeRows } from "./table.ts"
import { configFlag, Refusal, type Verb } from "./verb.ts"

export const verb: Verb = {
  about:
    "Adds up a terminal's batch from PostgreSQL: what its settlement should say. Amounts are " +
    "in minor units. What is only in the journal yet is not counted.",
  parameters: [
    { name: "terminal", about: "terminal id", presence: "one" },
    { name: "batch", about: "six digits; without: all since then", presence: "optional" }
  ],
  flags: {
    config: configFlag,
    since: {
      type: "text",
      value: "<YYYY-MM-DD>",
      about: "batch numbers come round again: not before"
    }
  },
  examples: [
    ["settle 65465423 000105 --since 2026-01-01", "why is it out of balance?"],
    ["settle 65465423 --since 2026-01-01", "of a dialect without batch numbers"]
  ],
  run: async (call) => {
    const [terminal, batch] = call.parameters
    if (batch !== undefined && !/^\d{6}$/.test(batch)) {
      throw new Refusal(2, `${batch}: a batch is six digits`)
    }
    const since = call.text("since")
    if (since === undefined) throw new Refusal(2, "--since: say from which day on")
    const query = {
      terminal: terminalIdOf(terminal!),
      batch,
      sinceMs: Date.parse(`${dayOf(since)}T00:00:00Z`)
    }
    const records = await askLedger(
      call,
      Effect.provide(batchRecords(query, []), postgresBooksLayer)
    )
    const totals = addBatch(records)
    writeRows(call, Object.entries(totals).map(([cards, sums]) => Object.assign({ cards }, sums)), [
      ["cards", "cards"],
      ["debits", "debits"],
      ["debit", "debit"],
      ["credits", "credits"],
      ["credit", "credit"]
    ])
    call.streams.say(
      `${records.length} transactions${batch === undefined ? "" : ` in batch ${batch}`}`
    )
    return 0
  }
}
