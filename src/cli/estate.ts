/**
 * `pointsman estate`: who is registered, in the terminals file or in PostgreSQL, as the
 * configuration says.
 */

import { Effect } from "effect"
import { renameSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { ConfigInvalid } from "../config/config-invalid.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { parseTerminals } from "../config/terminals-file.ts"
import { terminalsText } from "../config/terminals-text.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { readEstate, replaceEstate } from "../ledger/estate-rows.ts"
import { loadedConfig } from "./configuration.ts"
import { readGiven } from "./given-file.ts"
import { askLedger, noted } from "./ledger-questions.ts"
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
  const terminals = await registered(call)
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
        const terminals = await registered(call)
        const wanted = call.parameters[0]!
        const found = terminals.find(({ terminal }) => terminal.trimEnd() === wanted)
        if (found === undefined) throw new Refusal(1, `${wanted}: not registered`)
        writeRecord(call, plain(found))
        return 0
      }
    },
    export: {
      about: "Writes the registry as a terminals file, which an import takes.",
      parameters: [],
      flags: { config: configFlag },
      examples: [["estate export > terminals.csv", "to edit and import again"]],
      run: async (call) => {
        // As it is: merchants have numbers as long as a card's, and an import takes this back.
        call.streams.raw(terminalsText(await registered(call)))
        return 0
      }
    },
    import: {
      about:
        "Makes a terminals file the registry, when every line of it is good: in the place of the " +
        "configuration's file, or in PostgreSQL, by `registry`. A running switch takes it at its " +
        "next reload.",
      parameters: [{ name: "file", about: "CSV", presence: "one" }],
      flags: { config: configFlag },
      examples: [["estate import new-terminals.csv", "every bad line is named"]],
      run: imported
    }
  }
}

/** The registry, as the next start or reload would take it. */
async function registered(call: Call): Promise<LoadedConfig["terminals"]> {
  const { config, terminals } = await loadedConfig(call)
  if (config.registry === "file") return terminals
  const read = await askLedger(call, readEstate)
  if ("faults" in read) throw new Refusal(1, new ConfigInvalid(read).message)
  return read
}

type Outcome = "done" | "refused" | "failed"

const importNoted = (outcome: Outcome, detail: string) =>
  noted({ action: "estate.import", target: "registry", outcome, detail })

/**
 * Where nothing is written to PostgreSQL, an import does not wait for it either: a registry in a
 * file can be mended while the database is away. Then it is said that the entry is missing; the
 * reload that applies the file has its own.
 */
async function note(call: Call, outcome: Outcome, detail: string): Promise<void> {
  try {
    await askLedger(call, importNoted(outcome, detail))
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause
    call.streams.say(`not in the audit log: ${cause.message}`)
  }
}

/** Into PostgreSQL, entry and all, or not at all. */
async function importedThere(
  call: Call,
  file: string,
  terminals: LoadedConfig["terminals"]
): Promise<0> {
  const detail = `${terminals.length} terminals from ${basename(file)}`
  await askLedger(call, Effect.andThen(replaceEstate(terminals), importNoted("done", detail)))
  call.streams.say(`${terminals.length} terminals registered; \`pointsman reload\` applies them`)
  return 0
}

async function imported(call: Call): Promise<0> {
  const file = call.parameters[0]!
  const text = readGiven(file).toString()
  const parsed = parseTerminals(file, text)
  if ("faults" in parsed) {
    await note(call, "refused", `${parsed.faults.length} faults in ${basename(file)}`)
    throw new Refusal(1, new ConfigInvalid(parsed).message)
  }
  const { registry, terminalsFile } = (await loadedConfig(call)).config
  if (registry === "database") return importedThere(call, file, parsed)
  const detail = `${parsed.length} terminals from ${basename(file)}`
  // Whole or not at all: a reload in between reads the old file.
  const beside = `${terminalsFile}.new`
  try {
    writeFileSync(beside, text, { flush: true })
    renameSync(beside, terminalsFile)
  } catch {
    await note(call, "failed", detail)
    throw new Refusal(3, `${terminalsFile}: cannot be written`)
  }
  await note(call, "done", detail)
  const name = basename(terminalsFile)
  call.streams.say(`${parsed.length} terminals in ${name}; \`pointsman reload\` applies them`)
  return 0
}
