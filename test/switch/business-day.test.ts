/** The business day that the journal remembers, under a clock that the test moves. */

import { Effect, Layer, Logger, Scope } from "effect"
import { expect, it } from "vitest"
import type { LoadedConfig } from "../../src/config/loaded.ts"
import { Journal } from "../../src/domain/ports/journal.ts"
import { keepBusinessDay } from "../../src/switch/business-day-in-force.ts"
import { ManualTime } from "../actor/manual-time.ts"
import { FakeJournal } from "../transaction/stage.ts"

const loaded = { config: { timeZone: "UTC", cutOver: "23:00" } } as LoadedConfig
const noonMs = Date.parse("2026-11-26T12:00:00Z")

/** A start at this time of the wall; what it logged, and how it says the day. */
function start(journal: FakeJournal, wallMs: number) {
  const time = new ManualTime()
  time.wall = wallMs
  const said: Array<string> = []
  const logger = Logger.make(({ message }) => void said.push(String(message)))
  const today = Effect.runSync(
    keepBusinessDay(loaded).pipe(
      Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
      Effect.provide(Layer.mergeAll(
        Layer.succeed(Journal, journal),
        time.layer,
        Logger.layer([logger])
      ))
    )
  )
  return { today, said, time }
}

it("is noted once a day, and a clock that was set back is told of", () => {
  const journal = new FakeJournal()
  const first = start(journal, noonMs)
  expect(first.today()).toBe("2026-11-26")
  expect(journal.get("state", "business-day")).toBe("2026-11-26")
  first.time.pass(12 * 3_600_000)
  expect(first.today()).toBe("2026-11-27")
  expect(journal.get("state", "business-day")).toBe("2026-11-27")
  expect(journal.log).toHaveLength(2)
  expect(start(journal, noonMs + 86_400_000).said).toEqual([])
  const back = start(journal, noonMs)
  expect(back.said.join()).toContain("clock-went-back")
  expect(journal.get("state", "business-day")).toBe("2026-11-27")
})
