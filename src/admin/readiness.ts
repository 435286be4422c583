/**
 * Is the switch ready? Only if a new transaction could complete (I13). What must hold: each reason
 * names what stands in the way, and readiness never waits for PostgreSQL. While the journal is read
 * and taken up nobody is asked: the admin listener opens when every layer stands.
 */

import type { JournalHealth } from "../domain/ports/journal.ts"
import type { UpstreamStatus } from "../domain/ports/upstream.ts"

/** What readiness is made of; handed in by the wiring. */
export interface Readiness {
  readonly draining: () => boolean
  /** At least one listener accepts. */
  readonly listening: () => boolean
  readonly journal: () => JournalHealth
  readonly upstreams: () => ReadonlyArray<UpstreamStatus>
}

/** Why a new transaction could not complete; empty: it could. */
export function obstacles(readiness: Readiness): Array<string> {
  const found: Array<string> = []
  if (readiness.draining()) found.push("the switch is draining")
  if (!readiness.listening()) found.push("no listener accepts")
  const { level } = readiness.journal()
  if (level === "full") found.push("the journal is full: bring PostgreSQL back or give space")
  if (level === "failed") found.push("the journal failed: restart, recovery decides")
  if (!readiness.upstreams().some(couldAnswer)) {
    found.push("no upstream can take a request: look at links and breakers")
  }
  return found
}

/**
 * A half-open breaker counts: it closes by customers' requests, which must be let come. So does a
 * wallet that has not been heard of yet: it has no echo, and only requests show whether it answers.
 */
function couldAnswer({ breaker, links }: UpstreamStatus): boolean {
  if (breaker === "open" || breaker === "forced-open") return false
  return links.some(({ state }) => state === "up")
}
