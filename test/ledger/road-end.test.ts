/**
 * The last part of the road with its real parts, the journal on disk and PostgreSQL: whatever was
 * acknowledged before a `kill -9` is one row afterwards.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, expect, it } from "vitest"
import { knowsNode, visitorDatabaseLayer } from "../../src/ledger/ledger.ts"
import { machine } from "./machine.ts"
import { idOf } from "./records.ts"
import { ledgerConfig, temporaryFolder } from "./server.ts"

const folder = temporaryFolder()
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the feeder until it ends, or kills it after `kill` acknowledgements; what it printed. */
async function feed(first: number, count: number, kill?: number): Promise<ReadonlyArray<string>> {
  const script = join(import.meta.dirname, "feeder.ts")
  const args = [script, folder, String(first), String(count)]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
  const ended = new Promise((resolve) => child.once("close", resolve))
  const lines: Array<string> = []
  for await (const line of createInterface({ input: child.stdout })) {
    // Its log goes the same way.
    if (!/^(\d+|drained)$/.test(line)) continue
    lines.push(line)
    if (lines.length === kill) child.kill("SIGKILL")
  }
  await ended
  return lines
}

it("misses no acknowledged row over two kills, and has none twice", async () => {
  const acknowledged = [
    ...await feed(0, 100_000, 400),
    ...await feed(200_000, 100_000, 700),
    ...await feed(400_000, 100)
  ]
  expect(acknowledged.at(-1)).toBe("drained")
  const numbers = acknowledged.filter((line) => line !== "drained").map(Number)
  expect(numbers.length).toBeGreaterThanOrEqual(1200)
  const [rows, known, unknown] = await Effect.runPromise(
    Effect.all([
      Effect.flatMap(PgClient.PgClient, (sql) => sql<{ id: string }>`SELECT id FROM transactions`),
      knowsNode("n1"),
      knowsNode("n2")
    ])
      .pipe(
        Effect.provide(
          visitorDatabaseLayer(ledgerConfig(join(folder, "postgres"))).pipe(Layer.provide(machine))
        )
      )
  )
  expect([known, unknown]).toEqual([true, false])
  const ids = new Set(rows.map(({ id }) => id))
  expect(ids.size).toBe(rows.length)
  expect(numbers.filter((number) => !ids.has(idOf(number)))).toEqual([])
})
