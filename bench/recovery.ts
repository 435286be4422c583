/**
 * `npm run bench -- recovery`: a journal of 1,000,000 records, as an outage leaves it: the last 32
 * transactions of 10,000 terminals, 10,000 of them in flight, 100,000 reversals that wait with
 * their transactions, and what PostgreSQL does not have yet. Measured: from opening the folder to
 * the moment when everything that a restart owes is durable and terminals may connect.
 */

import { Effect } from "effect"
import type { AdviceRecord } from "../src/domain/advice.ts"
import type { TransactionRecord } from "../src/domain/transaction.ts"
import { GroupWriter } from "../src/journal/group.ts"
import { encodeRow, tableNumber } from "../src/journal/rows.ts"
import { answered, transaction } from "../test/journal/records.ts"
import { makeFolder, openJournal, openStore } from "./journal/rig.ts"
import { recovered } from "./journal/road.ts"
import { optionsOf } from "./options.ts"

const { values: options } = optionsOf({
  options: { marks: { type: "boolean" }, quick: { type: "boolean" } }
})
const scale = options.quick === true ? 0.1 : 1
const windows = 320_000 * scale
const inFlight = 10_000 * scale
const advices = 100_000 * scale
const feed = 1_000_000 * scale - windows - 2 * advices
const maxBytes = 1536 * 1024 * 1024 * scale
const groupBytes = 200 * 1024
const targetMs = 3000

const say = (text: string): void => {
  if (options.marks !== true) process.stdout.write(`${text}\n`)
}

/** Oldest first: what is reversed, then the windows, whose end is in flight. */
function recordAt(number: number): TransactionRecord {
  const record = transaction(number)
  if (number < advices) return { ...record, state: "reversing", approved: false, version: 5 }
  return number < advices + windows - inFlight ? answered(record) : record
}

function adviceFor(record: TransactionRecord): AdviceRecord {
  return {
    transaction: record.id,
    kind: "reversal",
    upstream: "acquirer-a",
    reason: "upstream-timeout",
    stan: record.stan,
    attempts: 3,
    createdMs: 1_795_000_000_000,
    nextMs: 1_795_000_060_000,
    state: "pending"
  }
}

async function fill(path: string): Promise<number> {
  const { close, log } = await openStore(path, maxBytes)
  const writer = new GroupWriter(groupBytes * 2)
  let sequence = 0
  let nextFeed = 1
  const flush = () => {
    const header = { sequence: ++sequence, wallMs: 1, watermark: 0, nextFeed }
    const bytes = writer.finish(header)
    return new Promise<void>((resolve, reject) =>
      log.append(
        [{ sequence, bytes }],
        [],
        (durable) => durable ? resolve() : reject(new Error("full"))
      )
    )
  }
  const transactions = tableNumber("transactions")
  for (let number = 0; number < windows + advices; number++) {
    const record = recordAt(number)
    const bytes = encodeRow(transactions, record)
    const offset = writer.value(transactions, record.id, bytes)
    if (number < advices) {
      const table = tableNumber("advices")
      writer.value(table, record.id, encodeRow(table, adviceFor(record)))
    }
    for (let each = 0; each < 2 && nextFeed <= feed; each++) {
      writer.feedSame(transactions, nextFeed++, offset, bytes.length)
    }
    if (writer.bytes > groupBytes) await flush()
  }
  await flush()
  await close()
  return sequence
}

const folder = makeFolder()
try {
  const groups = await fill(folder.path)
  say(`${groups} groups, ${windows + 2 * advices + feed} records`)
  const used = process.threadCpuUsage()
  const cpuMs = () => {
    const { system, user } = process.threadCpuUsage(used)
    return ((user + system) / 1000).toFixed(0)
  }
  const started = performance.now()
  const opened = await openJournal(folder.path, maxBytes)
  const replayedMs = performance.now() - started
  const { bytes, records } = opened.journal.health()
  say(
    `replayed ${records} records, ${(bytes / 1e6).toFixed(0)} MB in ${replayedMs.toFixed(0)} ms ` +
      `(main thread ${cpuMs()} ms)`
  )
  const { drain, recover } = recovered(opened.journal)
  const owed = await Effect.runPromise(recover)
  const ms = performance.now() - started
  say(`recovered ${JSON.stringify(owed)} (main thread ${cpuMs()} ms)`)
  say(`resident ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`)
  const met = ms <= targetMs
  process.stdout.write(
    `mark recovery.accepting-ms measured=${ms.toFixed(0)} target=${targetMs} ` +
      `${met ? "met" : "missed"}\n`
  )
  process.exitCode = met ? 0 : 1
  drain()
  await opened.close()
} finally {
  folder.remove()
}
