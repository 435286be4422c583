/** The breaker of the tests: half of 20 calls, or 5 in a row. */

import type { BreakerConfig } from "../../src/domain/config.ts"

export const usualBreaker: BreakerConfig = {
  windowMs: 10_000,
  minimumCalls: 20,
  failuresInARow: 5,
  failureShare: 0.5,
  slowShare: 0.5,
  slowMs: 5000,
  openMs: 5000,
  maxOpenMs: 60_000,
  probesToClose: 3,
  technicalCodes: ["91", "92", "96"]
}
