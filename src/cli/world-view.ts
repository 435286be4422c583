/** Into a switch that lives in the seeded world: its books, and what must hold at any moment. */

import { Effect } from "effect"
import { Journal } from "../domain/ports/journal.ts"
import { Transactions } from "../domain/ports/transactions.ts"
import { Upstreams } from "../domain/ports/upstream.ts"
import type { Metrics } from "../observe/metrics.ts"
import { SessionsView } from "../session/sessions-view.ts"
import type { RunningSwitch } from "../simulate/world/house.ts"
import type { OperatorHands } from "./world-operator.ts"

/** What people do to it is handed in. */
export const lookInside = Effect.fnUntraced(function*(
  metrics: Metrics,
  hands: OperatorHands
) {
  const journal = yield* Journal
  const transactions = yield* Transactions
  const upstreams = yield* Upstreams
  const sessions = yield* SessionsView
  const running: RunningSwitch = {
    inFlight: () => transactions.inFlight(),
    feedPending: () => journal.health().feedPending,
    outOfBounds: () => outOfBounds(upstreams, sessions),
    records: () => Array.from(journal.entries("transactions"), ([, record]) => record),
    pushesPending: () => Array.from(journal.keys("pushes")).length,
    chains: () => new Set(journal.keys("advices")),
    upstreams: () => upstreams.status(),
    count: (metric, labels) => sumOf(metrics, metric, labels),
    ...hands
  }
  return running
})

function sumOf(metrics: Metrics, metric: string, labels: ReadonlyArray<string>): number {
  const family = new Map<string, Metrics[keyof Metrics]>(Object.entries(metrics)).get(metric)
  let sum = 0
  for (const [values, series] of family?.series() ?? []) {
    if (!labels.every((label) => values.includes(label))) continue
    sum += "value" in series ? series.value : series.count
  }
  return sum
}

/** Windows, and one session a terminal: what holds between any two events. */
function outOfBounds(
  upstreams: Upstreams["Service"],
  sessions: SessionsView["Service"]
): string | undefined {
  for (const { inFlight, name, window } of upstreams.status()) {
    if (inFlight > window) return `${inFlight} in flight at ${name}, whose window is ${window} (I5)`
  }
  const owned = new Set<string>()
  for (const terminal of sessions.owned()) {
    if (owned.has(terminal)) return `terminal ${terminal} has two sessions (I4)`
    owned.add(terminal)
  }
  return undefined
}
