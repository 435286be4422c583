/** The worker thread's entry: its sources are compiled already, so it stands in half the time. */

import { keepCompiledSources } from "../domain/compiled-sources.ts"

keepCompiledSources()
export const { runBatch } = await import("./batch-thread.ts")
