/**
 * Loaded ahead of a switch's own sources: holds its process at its very end, when everything has
 * been drained and closed and nothing is left but to go, so that what its memory still holds can be
 * read from outside. Whoever started it ends it; after two minutes it goes by itself.
 */

import { writeSync } from "node:fs"
import { isMainThread } from "node:worker_threads"

if (isMainThread) {
  // Last of those who hear of the end: what the switch itself does then is done before.
  process.once("beforeExit", () => process.once("exit", hold))
}

function hold() {
  writeSync(2, "held at its end\n")
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120_000)
}
