/**
 * `kill -9` of the switch (P1, P2, P3) and of PostgreSQL (B2) under load: afterwards the books of
 * terminals and acquirers, the journal and PostgreSQL agree, transaction by transaction. The long
 * form, and a seed again: `npm run verify -- kills --switch 200 --postgres 50 --seed <n>`.
 */

import { expect, it } from "vitest"
import { kill } from "./kills.ts"

const seed = Number(process.env["POINTSMAN_SEED"] ?? Date.now() % 1_000_000)

it(
  `0 lost, 0 doubled, 0 unreversed after 5 kills of the switch and 2 of PostgreSQL (seed ${seed})`,
  async () => {
    const verdict = await kill({ seed, switchKills: 5, postgresKills: 2 })
    expect(verdict.violations).toEqual([])
    expect(verdict.left).toBe(0)
    expect(verdict.end).toEqual({ code: 0, signal: null })
    expect(verdict.counts["approved"]).toBeGreaterThan(100)
    process.stdout.write(`kills, seed ${seed}: ${JSON.stringify(verdict.counts)}\n`)
  },
  240_000
)
