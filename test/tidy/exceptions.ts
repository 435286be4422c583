/**
 * The named exceptions of the tidy rules, each with its reason. An entry that is no longer needed
 * is a fault too, so the lists only hold what is true.
 */

/** Files that wrap the machine's clock, chance, environment or console for everybody else. */
export const adapters: Readonly<Record<string, string>> = {
  "src/cli/child-process.ts": "runs verbs as processes of their own and ends them with it",
  "src/cli/freed-memory.ts": "overwrites freed memory by values of an environment variable",
  "src/cli/memory-wipe.ts": "overwrites the memory of a process that ends, as its last act",
  "src/cli/stopwatch.ts": "times what people wait for at the command line",
  "src/cli/machine-streams.ts": "gives verbs the process's streams, environment and signals",
  "src/codec/batch-thread.ts": "draws the key stream of the vault in a thread, where no layer is",
  "src/ledger/server-process.ts": "starts, signals and identifies PostgreSQL's processes",
  "src/listen/machine-time.ts": "binds Time and Random to the machine's clocks, turns and chance",
  "src/observe/process-health.ts": "reads the process's resident memory, for a gauge",
  "src/main.ts": "takes the words of the command line and sets the exit code"
}

/** Files whose framework demands a default export. */
export const defaultExports: Readonly<Record<string, string>> = {}

/** Files of `src` that are started, not imported. */
export const entries: Readonly<Record<string, string>> = {
  "src/main.ts": "is what bin/pointsman.js runs"
}
