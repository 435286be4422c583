/** The gauges that the observatory reads off the stations before every scrape. */

import { Effect } from "effect"
import type { LoadedConfig } from "../config/loaded.ts"
import { Journal } from "../domain/ports/journal.ts"
import { Time } from "../domain/ports/time.ts"
import { Upstreams } from "../domain/ports/upstream.ts"
import { Observatory } from "../observe/observatory.ts"
import { watchStations } from "../observe/station-gauges.ts"
import { SessionsView } from "../session/sessions-view.ts"

export const watchGauges = Effect.fnUntraced(function*(loaded: () => LoadedConfig) {
  const journal = yield* Journal
  const upstreams = yield* Upstreams
  const sessions = yield* SessionsView
  const time = yield* Time
  watchStations(yield* Observatory, {
    journal: () => journal.health(),
    upstreams: () => upstreams.status(),
    advices: () => Array.from(journal.entries("advices"), ([, advice]) => advice),
    sessions: () => sessions.counts(),
    configVersion: () => loaded().config.version,
    wallMs: () => time.wallMs()
  })
})
