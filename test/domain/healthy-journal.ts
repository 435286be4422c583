/** The health of a journal that has nothing to say. */

import type { JournalHealth } from "../../src/domain/ports/journal.ts"

export const healthyJournal: JournalHealth = {
  mode: "strict",
  givenUp: [],
  bytes: 0,
  maxBytes: 1,
  records: 0,
  maxRecords: 1,
  level: "open",
  feedPending: 0,
  oldestFeedMs: undefined,
  waitingMs: 0,
  commitP50Ms: 0,
  commitP99Ms: 0
}
