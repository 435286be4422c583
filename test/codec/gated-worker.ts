/** The poisoned worker, which cannot stand while the file exists that its address names. */

import { existsSync } from "node:fs"

if (existsSync(decodeURIComponent(new URL(import.meta.url).search.slice(1)))) {
  throw new Error("no thread can stand now")
}
export const { runBatch } = await import("./poison-worker.ts")
