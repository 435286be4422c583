/** `pointsman advices`: reversals that no upstream has acknowledged yet. */

import { adminFlag, askSwitch, limitFlag, rowsOf } from "./running-switch.ts"
import { writeRows } from "./table.ts"
import type { Verb } from "./verb.ts"

export const verb: Verb = {
  about: "Lists reversals and other advices that are still being sent.",
  parameters: [],
  flags: { admin: adminFlag, limit: limitFlag },
  examples: [["advices", "what money is in doubt right now"]],
  run: async (call) => {
    const path = `/api/advices?limit=${call.number("limit")}`
    writeRows(call, rowsOf(await askSwitch(call, "GET", path)), [
      ["transaction", "transaction"],
      ["kind", "kind"],
      ["upstream", "upstream"],
      ["reason", "reason"],
      ["attempts", "attempts"],
      ["last answer", "lastResponse"]
    ])
    return 0
  }
}
