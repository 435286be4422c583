/**
 * `pointsman retain`: the end of what is old in PostgreSQL. Every row that goes is in a file first,
 * and who let it go is in the audit log.
 */

import { Clock, Effect } from "effect"
import { makeLocalClock } from "../domain/business-day.ts"
import { retainRows } from "../ledger/aged-rows.ts"
import { retain } from "../ledger/retention.ts"
import { loadedConfig } from "./configuration.ts"
import { askLedger, dayOf, dayParameter, noted } from "./ledger-questions.ts"
import { writeRows } from "./table.ts"
import { type Call, configFlag, Refusal, type Verb } from "./verb.ts"

export const verb: Verb = {
  about:
    "Exports what ended before a business day from PostgreSQL as gzipped JSON lines: days of " +
    "transactions, which are detached, and rows of advices, orders, notifications, pushes, " +
    "batches and exceptions. Each file is counted against its rows; only then, and only with " +
    "--drop, they go. What is open stays. It may be run again, also while the switch runs.",
  parameters: [dayParameter("before", "the first business day that stays")],
  flags: {
    config: configFlag,
    folder: { type: "text", value: "<path>", about: "where the files go" },
    drop: { type: "yes", about: "let go what is in its file" }
  },
  examples: [
    ["retain 2026-01-01 --folder archive", "files only; detached days stay as tables"],
    ["retain 2026-01-01 --folder archive --drop", "and make room"]
  ],
  run
}

async function run(call: Call): Promise<0> {
  const folder = call.text("folder")
  if (folder === undefined) throw new Refusal(2, "--folder: say where the files go")
  const query = { beforeDay: dayOf(call.parameters[0]), folder, drop: call.yes("drop") }
  const { timeZone } = (await loadedConfig(call)).config
  const runNoted = (outcome: "done" | "failed", detail: string) =>
    noted({
      action: query.drop ? "retain.drop" : "retain.export",
      target: `before ${query.beforeDay}`,
      outcome,
      detail: detail.slice(0, 2000)
    })
  const work = Effect.gen(function*() {
    const today = makeLocalClock(timeZone).at(yield* Clock.currentTimeMillis).date
    if (query.beforeDay > today) {
      const why = `${query.beforeDay}: days that are not over stay; name ${today} or one before`
      yield* Effect.die(new Refusal(2, why))
    }
    const days = yield* retain(query)
    const rows = yield* retainRows(query)
    const found = [
      ...days.map((each) => Object.assign({ what: `transactions ${each.day}` }, each)),
      ...rows.map((each) => Object.assign({ what: each.table }, each))
    ]
    yield* runNoted("done", found.map(({ rows: count, what }) => `${what}: ${count}`).join("; "))
    return found
  }).pipe(
    Effect.tapError(({ _tag }) =>
      Effect.ignore(runNoted("failed", `${_tag}: the files tell what went before`))
    )
  )
  const found = await askLedger(
    call,
    Effect.catchTag(
      work,
      "ExportIncomplete",
      ({ file, lines, rows }) =>
        Effect.die(new Refusal(1, `${file} has ${lines} of ${rows} rows: nothing of it was let go`))
    )
  )
  writeRows(call, found, [
    ["what", "what"],
    ["rows", "rows"],
    ["dropped", "dropped"],
    ["file", "file"]
  ])
  return 0
}
