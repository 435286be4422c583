/** argv to a command, and its exit code to the process. Nothing else. */

import { flushCompileCache } from "node:module"
import { keepCompiledSources, machineStreams, tolerateClosedOutput } from "./cli/machine-streams.ts"
import { runCommandLine } from "./cli/run.ts"

const flushAfterMs = 10_000

keepCompiledSources()
// A switch that is killed leaves it behind all the same.
setTimeout(flushCompileCache, flushAfterMs).unref()
tolerateClosedOutput()
process.exitCode = await runCommandLine(process.argv.slice(2), machineStreams)
