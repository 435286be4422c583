/**
 * `npm run bench -- journal`: durable commits a second and how long one waits, with 1, 64 and
 * 1,000 writers that each commit again when they are told; and a lone commit against a bare
 * `fdatasync` of one written page, taken in turns in the same run on the same disk.
 */

import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { JournalWrite } from "../src/domain/ports/journal.ts"
import { answered, idOf, transaction } from "../test/journal/records.ts"
import { makeFolder, type Opened, openJournal, percentile } from "./journal/rig.ts"
import { optionsOf } from "./options.ts"

const { values: options } = optionsOf({
  options: { marks: { type: "boolean" }, quick: { type: "boolean" } }
})
const quick = options.quick === true
const maxBytes = 256 * 1024 * 1024
/** Transactions that stay: what is older is removed, as it falls out of its terminal's window. */
const kept = 32_000
const pageBytes = 4096
const filePages = 4096
/** Short runs for the processor time of a commit. */
const costRuns = 8

let missed = 0
const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}
function mark(name: string, measured: number, target: number, met: boolean): void {
  if (!met) missed++
  const verdict = met ? "met" : "missed"
  process.stdout.write(
    `mark journal.${name} measured=${measured.toFixed(2)} target=${target} ${verdict}\n`
  )
}

/** One page written and synced, in a file that is there already; milliseconds. */
function bareSync(path: string) {
  const file = openSync(join(path, "bare"), "w+")
  const page = Buffer.alloc(pageBytes, 7)
  for (let index = 0; index < filePages; index++) writeSync(file, page, 0, pageBytes)
  fdatasyncSync(file)
  return {
    once: (index: number): number => {
      writeSync(file, page, 0, pageBytes, index % filePages * pageBytes)
      const started = performance.now()
      fdatasyncSync(file)
      return performance.now() - started
    },
    close: () => closeSync(file)
  }
}

/** The two commits of each transaction in turn: forwarded, then answered. */
function writesOf(number: number): Array<JournalWrite> {
  const record = transaction(number >> 1)
  const id = record.id
  if (number % 2 === 0) return [{ table: "transactions", key: id, value: record }]
  return [
    { table: "transactions", key: id, value: answered(record) },
    { table: "transactions", key: idOf((number >> 1) - kept), value: undefined }
  ]
}

const spread = (values: ReadonlyArray<number>): string =>
  [0.1, 0.5, 0.99].map((share) => `p${share * 100} ${percentile(values, share).toFixed(3)} ms`)
    .join("  ")

let number = 0
const commit = ({ journal }: Opened, done: (failure: unknown) => void): void =>
  journal.commit(writesOf(number++), [], done)

async function lone(opened: Opened, path: string, rounds: number) {
  const bare = bareSync(path)
  const syncs: Array<number> = []
  const commits: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    syncs.push(bare.once(round))
    const writes = writesOf(number++)
    const started = performance.now()
    await new Promise((resolve) => opened.journal.commit(writes, [], resolve))
    commits.push(performance.now() - started)
  }
  bare.close()
  return { syncs, commits }
}

function crowd(opened: Opened, writers: number, forMs: number) {
  const waits: Array<number> = []
  const started = performance.now()
  const cpu = process.threadCpuUsage()
  return new Promise<{ readonly waits: Array<number>; readonly ms: number; readonly cpu: number }>(
    (resolve) => {
      let living = writers
      const next = (): void => {
        const at = performance.now()
        if (at - started > forMs) {
          if (--living > 0) return
          const used = process.threadCpuUsage(cpu)
          resolve({ waits, ms: at - started, cpu: used.user + used.system })
          return
        }
        commit(opened, () => {
          waits.push(performance.now() - at)
          next()
        })
      }
      for (let writer = 0; writer < writers; writer++) next()
    }
  )
}

const folder = makeFolder()
const opened = await openJournal(join(folder.path, "journal"), maxBytes)
try {
  await lone(opened, folder.path, 100)
  const { commits, syncs } = await lone(opened, folder.path, quick ? 500 : 2000)
  const sync = percentile(syncs, 0.5)
  const alone = percentile(commits, 0.5)
  say(`bare fdatasync   ${spread(syncs)}`)
  say(`a lone commit    ${spread(commits)}`)
  for (const writers of [1, 64, 1000]) {
    const { cpu, ms, waits } = await crowd(opened, writers, quick ? 1000 : 4000)
    const perSecond = Math.round(waits.length / ms * 1000)
    say(
      `${String(writers).padStart(5)} writers  ${String(perSecond).padStart(7)} records/s  ` +
        `p50 ${percentile(waits, 0.5).toFixed(2)} ms  p99 ${percentile(waits, 0.99).toFixed(2)}  ` +
        `main thread ${(cpu / waits.length).toFixed(1)} us a commit`
    )
  }
  const { bytes, records } = opened.journal.health()
  say(`${records} live records in ${(bytes / 1e6).toFixed(1)} MB`)
  const costs: Array<number> = []
  for (let run = 0; run < costRuns; run++) {
    const { cpu, waits } = await crowd(opened, 64, 400)
    costs.push(cpu / waits.length)
  }
  // A machine that is shared makes some of them dear; none cheaper than it is.
  const cost = percentile(costs, 0.25)
  mark("commit-cpu-us", cost, 15, cost <= 15)
  mark("lone-commit-in-fdatasyncs", alone / sync, 2.5, alone / sync <= 2.5)
} finally {
  await opened.close()
  folder.remove()
}
process.exitCode = missed === 0 ? 0 : 1
