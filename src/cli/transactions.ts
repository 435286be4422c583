/** `pointsman transactions`: finds transactions in the journal and in PostgreSQL. */

import { adminFlag, askSwitch, limitFlag, rowsOf } from "./running-switch.ts"
import { writeRows } from "./table.ts"
import { Refusal, type Verb } from "./verb.ts"

const keys = ["id", "rrn", "stan", "terminal", "merchant", "amount", "day"] as const

export const verb: Verb = {
  about: "Finds transactions by what is on the receipt.",
  parameters: [],
  flags: {
    admin: adminFlag,
    id: { type: "text", value: "<uuid>", about: "our own id" },
    rrn: { type: "text", value: "<rrn>", about: "retrieval reference number, field 37" },
    stan: { type: "text", value: "<stan>", about: "trace number, field 11" },
    terminal: { type: "text", value: "<id>", about: "terminal id, field 41" },
    merchant: { type: "text", value: "<id>", about: "merchant id, field 42" },
    amount: { type: "text", value: "<minor>", about: "amount in minor units" },
    day: { type: "text", value: "<YYYY-MM-DD>", about: "business day" },
    limit: limitFlag
  },
  examples: [["transactions --terminal 65465423 --stan 000010", "the one on this receipt"]],
  run: async (call) => {
    const query = new URLSearchParams({ limit: String(call.number("limit")) })
    for (const key of keys) {
      const value = call.text(key)
      if (value !== undefined) query.set(key, value)
    }
    if (query.size === 1) throw new Refusal(2, `give one of --${keys.join(", --")}`)
    writeRows(call, rowsOf(await askSwitch(call, "GET", `/api/transactions?${query}`)), [
      ["id", "id"],
      ["day", "day"],
      ["state", "state"],
      ["kind", "kind"],
      ["terminal", "terminal"],
      ["stan", "stan"],
      ["rrn", "rrn"],
      ["card", "panMask"],
      ["amount", "amount"],
      ["currency", "currency"],
      ["answer", "response"],
      ["upstream", "upstream"]
    ])
    return 0
  }
}
