/** `pointsman sessions`: who is connected, why the last ones left, and ending one. */

import { adminFlag, askSwitch, limitFlag, rowsOf } from "./running-switch.ts"
import { writeRows } from "./table.ts"
import type { Call, Flag, Verb } from "./verb.ts"

const terminal: Flag = { type: "text", value: "<id>", about: "only this terminal" }
const flags = { admin: adminFlag, terminal, limit: limitFlag }

function listed(path: string, columns: ReadonlyArray<readonly [string, string]>) {
  return async (call: Call): Promise<0> => {
    const query = new URLSearchParams({ limit: String(call.number("limit")) })
    const one = call.text("terminal")
    if (one !== undefined) query.set("terminal", one)
    const rows = rowsOf(await askSwitch(call, "GET", `${path}?${query}`))
    writeRows(call, call.format === "json" ? rows : rows.map(readable), columns)
    return 0
  }
}

/** Terminals of a concentrator that a line names; `--format json` has all of them. */
const namedTerminals = 3

/** Terminals without their padding, and when a session ended as a time. */
function readable(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { endedMs, terminals } = row
  if (typeof endedMs === "number") return { ...row, endedMs: new Date(endedMs).toISOString() }
  if (!Array.isArray(terminals)) return row
  const names = terminals.slice(0, namedTerminals).map((each) => String(each).trim())
  const more = terminals.length - names.length
  return { ...row, terminals: more > 0 ? [...names, `and ${more} more`] : names }
}

const alive = listed("/api/sessions", [
  ["terminal", "terminals"],
  ["listener", "listener"],
  ["remote", "remote"],
  ["state", "state"],
  ["in flight", "owed"],
  ["messages", "messages"]
])

const ended = listed("/api/sessions/ended", [
  ["terminal", "terminal"],
  ["listener", "listener"],
  ["remote", "remote"],
  ["reason", "reason"],
  ["messages", "messages"],
  ["ended", "endedMs"]
])

const closed: Flag = { type: "yes", about: "those that ended last, with the reason of each" }

export const verb: Verb = {
  about: "Terminal sessions of a running switch.",
  actions: {
    list: {
      about: "Lists sessions.",
      parameters: [],
      flags: { ...flags, closed },
      examples: [
        ["sessions list --terminal 65465423", "where is that terminal?"],
        ["sessions list --closed --terminal 65465423", "why did it leave?"]
      ],
      run: (call) => call.yes("closed") ? ended(call) : alive(call)
    },
    ended: {
      about: "Lists the last sessions that ended, with the reason of each.",
      parameters: [],
      flags,
      examples: [["sessions ended --terminal 65465423", "why did it leave?"]],
      run: ended
    },
    close: {
      about: "Ends a terminal's session; it may come back at once.",
      parameters: [{ name: "terminal", about: "terminal id", presence: "one" }],
      flags: { admin: adminFlag },
      examples: [],
      run: async (call) => {
        const id = encodeURIComponent(call.parameters[0]!)
        await askSwitch(call, "POST", `/api/sessions/${id}/close`)
        call.streams.say(`${call.parameters[0]}: session ended`)
        return 0
      }
    }
  }
}
