/**
 * Where compiled sources are kept from one start to the next. Most of a start is compiling them,
 * and a restart under load is when it counts. Must hold: where nothing may be written, everything
 * works without.
 */

import { enableCompileCache } from "node:module"
import { join } from "node:path"

/** For this thread alone, and before it imports anything: each thread has to ask by itself. */
export function keepCompiledSources(): void {
  // Beside the packages, where nobody else may write.
  const packages = join(import.meta.dirname, "..", "..", "node_modules")
  enableCompileCache(join(packages, ".cache", "pointsman"))
}
