/** argv to a command, and its exit code to the process. Nothing else. */

import { enableCompileCache, flushCompileCache } from "node:module"
import { join } from "node:path"
import { machineStreams, tolerateClosedOutput } from "./cli/machine-streams.ts"
import { runCommandLine } from "./cli/run.ts"

const flushAfterMs = 10_000

// Most of a start is compiling these sources, and a restart under load is when it counts. Beside
// the packages, where nobody else may write; where we may not either, everything works without.
enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "pointsman"))
// A switch that is killed leaves it behind all the same.
setTimeout(flushCompileCache, flushAfterMs).unref()
tolerateClosedOutput()
process.exitCode = await runCommandLine(process.argv.slice(2), machineStreams)
