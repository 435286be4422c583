/** `pointsman report`: sales by day, hour, channel, merchant and upstream, from PostgreSQL. */

import { merchantIdOf } from "../domain/brand.ts"
import { maskedJson } from "../domain/masked-json.ts"
import { type Report, report, type ReportQuery } from "../ledger/report.ts"
import { loadedConfig } from "./configuration.ts"
import { askLedger, dayParameter, daysOf } from "./ledger-questions.ts"
import { writeRows } from "./table.ts"
import { type Call, configFlag, type Verb } from "./verb.ts"

const parts = [
  "totals",
  "hours",
  "channels",
  "merchants",
  "upstreams"
] as const satisfies ReadonlyArray<keyof Report>

async function queryOf(call: Call): Promise<ReportQuery> {
  const { timeZone } = (await loadedConfig(call)).config
  const merchant = call.text("merchant")
  return {
    ...daysOf(call.parameters),
    timeZone,
    ...(merchant === undefined ? {} : { merchant: merchantIdOf(merchant) })
  }
}

export const verb: Verb = {
  about: "Counts and sums of business days from PostgreSQL, also while the switch runs. Amounts " +
    "are in minor units of their currency.",
  parameters: [
    dayParameter("from", "first business day"),
    { name: "to", about: "last business day; absent: the first", presence: "optional" }
  ],
  flags: {
    config: configFlag,
    by: {
      type: "text",
      value: "<part>",
      about: "what to count by",
      choices: parts,
      fallback: "totals"
    },
    merchant: { type: "text", value: "<id>", about: "only this merchant" }
  },
  examples: [["report 2026-01-31 --by hours", "when did customers come?"]],
  run: async (call) => {
    const found = await askLedger(call, report(await queryOf(call)))
    if (call.format === "json") {
      call.streams.raw(`${maskedJson(found, 2)}\n`)
      return 0
    }
    const part = parts.find((each) => each === call.text("by")) ?? "totals"
    writeRows(call, found[part], [
      [part, "name"],
      ["currency", "currency"],
      ["sales", "sales"],
      ["amount", "salesAmount"],
      ["average", "averageTicket"],
      ["refunds", "refunds"],
      ["refunded", "refundAmount"],
      ["voids", "voids"],
      ["approved", "approved"],
      ["declined", "declined"],
      ["reversed", "reversed"]
    ])
    return 0
  }
}
