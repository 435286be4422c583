/** argv to a command, and its exit code to the process. Nothing else. */

import { machineStreams, tolerateClosedOutput } from "./cli/machine-streams.ts"
import { runCommandLine } from "./cli/run.ts"

tolerateClosedOutput()
process.exitCode = await runCommandLine(process.argv.slice(2), machineStreams)
