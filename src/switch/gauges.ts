/** The gauges that the observatory reads off the stations before every scrape. */

import { Effect } from "effect"
import { HotActors } from "../actor/hot-actor.ts"
import { type Certificate, certificatesOf } from "../config/certificates.ts"
import type { LoadedConfig } from "../config/loaded.ts"
import { Journal } from "../domain/ports/journal.ts"
import { Time } from "../domain/ports/time.ts"
import { Upstreams } from "../domain/ports/upstream.ts"
import { watchClock } from "../observe/clock-watch.ts"
import { Observatory } from "../observe/observatory.ts"
import { watchStations } from "../observe/station-gauges.ts"
import { SessionsView } from "../session/sessions-view.ts"

const certificateLookMs = 60_000

export const watchGauges = Effect.fnUntraced(function*(loaded: () => LoadedConfig) {
  const journal = yield* Journal
  const upstreams = yield* Upstreams
  const sessions = yield* SessionsView
  const actors = yield* HotActors
  const time = yield* Time
  let certificates: ReadonlyArray<Certificate> = []
  // Certificates are replaced on disk while the switch runs.
  const look = Effect.map(
    Effect.suspend(() => certificatesOf(loaded().config)),
    (found) => {
      certificates = found
    }
  )
  yield* look
  yield* look.pipe(Effect.delay(certificateLookMs), Effect.forever, Effect.forkScoped)
  const observatory = yield* Observatory
  yield* watchClock(time, observatory.metrics, observatory.lines)
  watchStations(observatory, {
    journal: () => journal.health(),
    upstreams: () => upstreams.status(),
    advices: () => Array.from(journal.entries("advices"), ([, advice]) => advice),
    sessions: () => sessions.counts(),
    actors: () => actors.counts(),
    configVersion: () => loaded().config.version,
    certificates: () => certificates,
    wallMs: () => time.wallMs()
  })
})
