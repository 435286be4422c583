/**
 * Transactions as they were recorded, from PostgreSQL or from a file of `journal export` or
 * `retain`. What must hold: they are read one after the other, however many there are; a line that
 * is none is named.
 */

import { Effect, Option, Schema } from "effect"
import { createReadStream } from "node:fs"
import { createInterface } from "node:readline"
import { createGunzip } from "node:zlib"
import type { LoadedConfig } from "../config/loaded.ts"
import { readEstate } from "../ledger/estate-rows.ts"
import { eachRoutedRow } from "../ledger/routed-rows.ts"
import { askLedger, daysOf } from "./ledger-questions.ts"
import { type Call, Refusal } from "./verb.ts"

type Row = Readonly<Record<string, unknown>>

const recordedTransaction = Schema.Struct({
  id: Schema.String,
  kind: Schema.String,
  channel: Schema.String,
  scheme: Schema.String,
  terminal: Schema.String,
  merchant: Schema.String,
  receivedMs: Schema.Finite,
  amount: Schema.optionalKey(Schema.Finite),
  currency: Schema.optionalKey(Schema.String),
  panMask: Schema.optionalKey(Schema.String),
  route: Schema.optionalKey(Schema.String),
  upstream: Schema.optionalKey(Schema.String),
  failure: Schema.optionalKey(Schema.String)
})

export type RecordedTransaction = typeof recordedTransaction.Type

const decode = Schema.decodeUnknownOption(recordedTransaction)

/** Groups by terminal, as the registry has them now. */
export type Groups = ReadonlyMap<string, string>

export async function eachRecorded(
  call: Call,
  { config, terminals }: LoadedConfig,
  take: (recorded: RecordedTransaction, groups: Groups) => void
): Promise<void> {
  const groupsOf = (profiles: LoadedConfig["terminals"]): Groups =>
    new Map(profiles.map(({ group, terminal }) => [terminal.trimEnd(), group]))
  const file = call.text("file")
  if (file !== undefined) {
    if (call.parameters.length > 0) throw new Refusal(2, "give days, or --file, and not both")
    const groups = groupsOf(terminals)
    return await eachLine(file, (recorded) => take(recorded, groups))
  }
  if (call.parameters.length === 0) throw new Refusal(2, "give a business day, or --file")
  const days = daysOf(call.parameters)
  await askLedger(
    call,
    Effect.gen(function*() {
      const estate = config.registry === "database" ? yield* readEstate : terminals
      const groups = groupsOf("faults" in estate ? [] : estate)
      yield* eachRoutedRow(days, (line) => take(recordedOf(JSON.parse(line) as Row)!, groups))
    })
  )
}

async function eachLine(
  path: string,
  take: (recorded: RecordedTransaction) => void
): Promise<void> {
  const stored = createReadStream(path)
  const input = path.endsWith(".gz") ? stored.pipe(createGunzip()) : stored
  const broken = new Promise<never>((_, fail) => {
    const unread = () => fail(new Refusal(3, `${path}: cannot be read`))
    stored.on("error", unread)
    input.on("error", unread)
  })
  const read = async () => {
    let number = 0
    for await (const line of createInterface({ input })) {
      number++
      const row = parsed(line)
      // What an export of a journal has beside transactions.
      if (row !== undefined && "table" in row && row["table"] !== "transactions") continue
      const recorded = row && recordedOf(isRow(row["row"]) ? row["row"] : row)
      if (recorded === undefined) throw new Refusal(1, `${path}:${number}: no transaction`)
      take(recorded)
    }
  }
  await Promise.race([read(), broken])
}

function parsed(line: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isRow(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** Under the names of the journal, or under those of PostgreSQL's columns. */
function recordedOf(row: Row): RecordedTransaction | undefined {
  const times = isRow(row["times"]) ? row["times"] : {}
  const receivedMs = typeof row["received_at"] === "string"
    ? Date.parse(row["received_at"])
    : times["receivedMs"]
  const panMask = row["panMask"] ?? row["pan_mask"]
  // What PostgreSQL has no value for is null there, and absent in the journal.
  const present = Object.entries({ ...row, panMask, receivedMs }).filter(([, value]) =>
    value !== undefined && value !== null
  )
  return Option.getOrUndefined(decode(Object.fromEntries(present)))
}
