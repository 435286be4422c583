/**
 * Commits transactions one after the other to the journal in the folder of its first argument, as
 * many as the second says, and prints the number of each when it is acknowledged. It begins after
 * what is there already; `failed` is the last line when a commit failed, and the exit code is 3.
 */

import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { Journal } from "../../src/domain/ports/journal.ts"
import { diskStoreLayer } from "../../src/journal/disk-store.ts"
import { journalLayer } from "../../src/journal/journal.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"
import { idOf, transaction } from "./records.ts"

const [path = "", count = "1", megabytes = "8"] = process.argv.slice(2)

const onFailed = () => {
  process.stdout.write("failed\n", () => process.exit(3))
}

const layer = journalLayer({ mode: "strict", unsafe: false, onFailed }).pipe(
  Layer.provide(diskStoreLayer({ path, maxBytes: Number(megabytes) * 1024 * 1024 })),
  Layer.provide(Layer.merge(MachineTime, MachineRandom)),
  Layer.provide(Logger.layer([]))
)

const scope = Effect.runSync(Scope.make())
const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
const journal = Context.get(context, Journal)

const first = [...journal.entries("transactions")].length
process.stdout.write(`open ${first}\n`)
const commit = (number: number) =>
  new Promise<void>((resolve) => {
    const value = transaction(number)
    const write = { table: "transactions", key: idOf(number), value } as const
    journal.commit([write], [{ table: "transactions", row: value }], (failure) => {
      if (failure !== undefined) return
      process.stdout.write(`${number}\n`)
      resolve()
    })
  })
for (let number = first; number < first + Number(count); number++) await commit(number)
await Effect.runPromise(Scope.close(scope, Exit.void))
process.stdout.write("closed\n")
