/**
 * A restart in a process of its own, over the journal in the folder of its first argument. With
 * `fill` and a number it commits that many transactions as forwarded; with `recover` it does what a
 * restart owes, prints a line for each chain that it starts, and `recovered` at the end; with `look`
 * it prints what is there, as JSON.
 */

import { Effect } from "effect"
import { openJournal } from "../../bench/journal/rig.ts"
import { recovered } from "../../bench/journal/road.ts"
import type { Journal } from "../../src/domain/ports/journal.ts"
import { idOf, transaction } from "./records.ts"

const [path = "", what = "", count = "0"] = process.argv.slice(2)
const { close, journal } = await openJournal(path, 8 * 1024 * 1024)
const say = (line: string) => void process.stdout.write(`${line}\n`)

function fill(number: number): Promise<unknown> {
  const commits = Array.from({ length: number }, (_, each) =>
    new Promise<void>((resolve) => {
      const value = transaction(each)
      journal.commit(
        [{ table: "transactions", key: idOf(each), value }],
        [{ table: "transactions", row: value }],
        () => resolve()
      )
    }))
  return Promise.all(commits)
}

/** What the journal and its feed say of each transaction. */
function look(here: Journal["Service"]) {
  const states: Record<string, number> = {}
  for (const [, { state }] of here.entries("transactions")) {
    states[state] = (states[state] ?? 0) + 1
  }
  const fed: Record<string, number> = {}
  const twice = new Set<string>()
  const seen = new Set<string>()
  for (const [, entry] of here.entries("feed")) {
    const of = entry.table === "transactions"
      ? `${entry.row.id} ${entry.row.state}`
      : entry.table === "advices"
      ? `${entry.row.transaction} chain`
      : entry.table
    if (seen.has(of)) twice.add(of)
    seen.add(of)
    const name = of.slice(of.indexOf(" ") + 1)
    fed[name] = (fed[name] ?? 0) + 1
  }
  return { states, chains: [...here.keys("advices")].length, fed, twice: twice.size }
}

if (what === "fill") await fill(Number(count))
if (what === "recover") {
  const road = recovered(journal, (advice) => say(advice.transaction))
  await Effect.runPromise(road.recover)
  road.drain()
}
say(what === "look" ? JSON.stringify(look(journal)) : `${what} done`)
await close()
