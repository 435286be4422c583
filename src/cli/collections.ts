/**
 * How the collector goes over the whole heap. While its threads mark, they take the processors from
 * everybody else, and on a small machine every transaction of that tenth of a second waits. What
 * lives is small beside what a machine has, so the heap may grow to three times of it in between;
 * and where there are few processors the main thread marks by itself, a little at a time.
 */

import { availableParallelism } from "node:os"
import { setFlagsFromString } from "node:v8"

/** What may be allocated between two full collections, in percent of what outlived the first. */
const growthPercent = 200
/** With fewer, threads that mark stand in the way of those that work. */
const processorsToMark = 4

/** For a process that lives long; its largest heap stays what it was. */
export function collectSeldom(): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
  if (availableParallelism() < processorsToMark) setFlagsFromString("--no-concurrent-marking")
}
