/** `pointsman estate`: terminals and merchants of the configuration's file. */

import { readFileSync } from "node:fs"
import { ConfigInvalid } from "../config/config-invalid.ts"
import { parseTerminals } from "../config/terminals-file.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { loadedConfig } from "./configuration.ts"
import { writeRecord, writeRows } from "./table.ts"
import { type Call, configFlag, Refusal, type Verb } from "./verb.ts"

function plain(profile: TerminalProfile): Readonly<Record<string, unknown>> {
  const sets = Object.entries(profile).map(([key, value]) =>
    [key, value instanceof Set ? [...value] : value] as const
  )
  return {
    ...Object.fromEntries(sets),
    terminal: profile.terminal.trimEnd(),
    merchant: profile.merchant.trimEnd()
  }
}

async function listed(call: Call): Promise<0> {
  const { terminals } = await loadedConfig(call)
  const group = call.text("group")
  const shown = terminals.filter((each) => group === undefined || each.group === group)
  writeRows(call, shown.map(plain), [
    ["terminal", "terminal"],
    ["merchant", "merchant"],
    ["name", "merchantName"],
    ["group", "group"],
    ["identity", "identity"],
    ["mac", "macRequired"],
    ["window", "window"],
    ["blocked", "blocked"]
  ])
  return 0
}

export const verb: Verb = {
  about: "Terminals and merchants.",
  actions: {
    list: {
      about: "Lists the terminals of the configuration.",
      parameters: [],
      flags: { config: configFlag, group: { type: "text", value: "<group>", about: "only these" } },
      examples: [],
      run: listed
    },
    show: {
      about: "Shows everything that is set for one terminal.",
      parameters: [{ name: "terminal", about: "terminal id", presence: "one" }],
      flags: { config: configFlag },
      examples: [["estate show 65465423", "what may it do?"]],
      run: async (call) => {
        const { terminals } = await loadedConfig(call)
        const wanted = call.parameters[0]!
        const found = terminals.find(({ terminal }) => terminal.trimEnd() === wanted)
        if (found === undefined) throw new Refusal(1, `${wanted}: not in the terminals file`)
        writeRecord(call, plain(found))
        return 0
      }
    },
    import: {
      about: "Checks a terminals file line by line before it takes the place of the old one; a " +
        "reload then applies it.",
      parameters: [{ name: "file", about: "CSV", presence: "one" }],
      flags: {},
      examples: [["estate import new-terminals.csv", "every bad line is named"]],
      run: async ({ parameters: [file], streams }) => {
        let text: string
        try {
          text = readFileSync(file!, "utf8")
        } catch {
          throw new Refusal(3, `${file}: cannot be read`)
        }
        const parsed = parseTerminals(file!, text)
        if ("faults" in parsed) throw new Refusal(1, new ConfigInvalid(parsed).message)
        streams.say(`${file}: ${parsed.length} terminals, all good`)
        return 0
      }
    }
  }
}
