/** `pointsman exceptions`: what was handed to a human, and closing it with a reason. */

import { adminFlag, askSwitch, limitFlag, rowsOf } from "./running-switch.ts"
import { writeRows } from "./table.ts"
import type { Verb } from "./verb.ts"

export const verb: Verb = {
  about: "Exceptions: what the switch could not settle by itself.",
  actions: {
    list: {
      about: "Lists open exceptions.",
      parameters: [],
      flags: { admin: adminFlag, limit: limitFlag },
      examples: [],
      run: async (call) => {
        const path = `/api/exceptions?limit=${call.number("limit")}`
        writeRows(call, rowsOf(await askSwitch(call, "GET", path)), [
          ["id", "id"],
          ["transaction", "transaction"],
          ["reason", "reason"],
          ["detail", "detail"]
        ])
        return 0
      }
    },
    resolve: {
      about: "Closes an exception; the note is kept with it.",
      parameters: [
        { name: "id", about: "id of the exception", presence: "one" },
        { name: "note", about: "how it was resolved, in a sentence", presence: "one" }
      ],
      flags: { admin: adminFlag },
      examples: [],
      run: async (call) => {
        const [id, note] = call.parameters
        const path = `/api/exceptions/${encodeURIComponent(id!)}/resolve`
        await askSwitch(call, "POST", path, { note })
        call.streams.say(`${id}: resolved`)
        return 0
      }
    }
  }
}
