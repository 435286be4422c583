/** `pointsman journal`: what a journal holds, read from a copy. */

import { Effect, Stream } from "effect"
import { maskedJson } from "../domain/masked-json.ts"
import type { JournalUnusable } from "../domain/ports/journal.ts"
import { exportJournal, inspectJournal, verifyJournal } from "../journal/inspection.ts"
import { tableNames } from "../journal/rows.ts"
import { loadedConfig } from "./configuration.ts"
import { writeRecord } from "./table.ts"
import { type Call, configFlag, type ExitCode, type Flag, Refusal, type Verb } from "./verb.ts"

const pathFlag: Flag = {
  type: "text",
  value: "<folder>",
  about: "folder of the journal; absent: the configuration's"
}
const flags = { config: configFlag, path: pathFlag }

async function pathOf(call: Call): Promise<string> {
  return call.text("path") ?? (await loadedConfig(call)).config.journal.path
}

/** A journal that cannot be read is the environment's fault; a broken one fails the check. */
async function looked<A>(look: Effect.Effect<A, JournalUnusable>): Promise<A> {
  const result = await Effect.runPromise(Effect.result(look))
  if (result._tag === "Success") return result.success
  const { advice, reason } = result.failure
  throw new Refusal(reason === "corrupt" ? 1 : 3, advice)
}

async function inspected(call: Call): Promise<ExitCode> {
  const state = await looked(inspectJournal(await pathOf(call)))
  const { newestMs, oldestMs, ...rest } = state
  const [oldest, newest] = [oldestMs, newestMs].map((ms) =>
    ms === undefined ? undefined : new Date(ms).toISOString()
  )
  writeRecord(call, { oldest, newest, ...rest })
  return 0
}

async function verified(call: Call): Promise<ExitCode> {
  const { bytes, faults, groups, records } = await looked(verifyJournal(await pathOf(call)))
  if (call.format === "json") writeRecord(call, { groups, records, bytes, faults })
  for (const line of faults) call.streams.say(line)
  call.streams.say(`${groups} groups, ${records} records, ${faults.length} faults`)
  return faults.length === 0 ? 0 : 1
}

async function exported(call: Call): Promise<ExitCode> {
  const wanted = call.text("table")
  const rows = exportJournal(await pathOf(call))
  await looked(Stream.runForEach(rows, (row) =>
    Effect.sync(() => {
      if (wanted === undefined || row.table === wanted) {
        call.streams.raw(`${maskedJson(row)}\n`)
      }
    })))
  return 0
}

export const verb: Verb = {
  about: "The journal: what must be on disk before anyone is told. Read from a copy, also while " +
    "its switch runs.",
  actions: {
    inspect: {
      about: "Says how much is in it: records by table, and what PostgreSQL does not have yet.",
      parameters: [],
      flags,
      examples: [["journal inspect --path data/journal", "how far is PostgreSQL behind?"]],
      run: inspected
    },
    verify: {
      about: "Reads all of it and checks every group's sum and every record. Exit code 1: broken.",
      parameters: [],
      flags,
      examples: [],
      run: verified
    },
    export: {
      about: "Writes its records as JSON, one a line, masked.",
      parameters: [],
      flags: {
        ...flags,
        table: {
          type: "text",
          value: "<table>",
          about: "only this table",
          choices: [...tableNames, "feed"]
        }
      },
      examples: [[
        "journal export --table transactions",
        "what is in flight, and the last answers"
      ]],
      run: exported
    }
  }
}
