/**
 * The business day in force, as the journal remembers it. Days are made from the wall clock; one
 * that is before the last day known means that the clock was set back, and then rows would go into
 * books that were closed: it is said aloud, because only a person can tell which is right.
 */

import { Effect } from "effect"
import type { LoadedConfig } from "../config/loaded.ts"
import type { BusinessDay } from "../domain/brand.ts"
import { makeBusinessDays, makeLocalClock } from "../domain/business-day.ts"
import { Journal } from "../domain/ports/journal.ts"
import { Time } from "../domain/ports/time.ts"

/** In the journal's table `state`. */
const key = "business-day"

const lookMs = 60_000

/** Notes every new day until the scope closes; gives how to ask for the present one. */
export const keepBusinessDay = Effect.fnUntraced(function*({ config }: LoadedConfig) {
  const journal = yield* Journal
  const time = yield* Time
  const dayOf = makeBusinessDays(makeLocalClock(config.timeZone), config.cutOver)
  const today = (): BusinessDay => dayOf(time.wallMs())
  const held = () => journal.get("state", key) as BusinessDay | undefined
  const before = held()
  if (before !== undefined && today() < before) {
    yield* Effect.logError("clock-went-back", { today: today(), lastDay: before })
  }
  const look = () => {
    const day = today()
    if (day > (held() ?? "")) journal.note([{ table: "state", key, value: day }], [])
  }
  look()
  const stop = time.every(lookMs, look)
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  return today
})
