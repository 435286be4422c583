/** argv to a command, and its exit code to the process. Nothing else. */

import { machineStreams, tolerateClosedOutput } from "./cli/machine-streams.ts"
import { runCommandLine } from "./cli/run.ts"

/** Time for the last lines of the log to be written. */
const leaveMs = 1000

tolerateClosedOutput()
const exit = await runCommandLine(process.argv.slice(2), machineStreams)
process.exitCode = exit
// A connection whose peer never closes its side must not keep a process that has nothing to do.
setTimeout(() => process.exit(exit), leaveMs).unref()
