/**
 * How often the collector goes over the whole heap. While it marks, its threads take the processors
 * from everybody, and on a small machine every transaction of that tenth of a second waits. What
 * lives is small beside what the machine has, so the heap may grow to three times of it in between.
 */

import { setFlagsFromString } from "node:v8"

/** What may be allocated between two full collections, in percent of what outlived the first. */
const growthPercent = 200

/** For a process that lives long; its largest heap stays what it was. */
export function collectSeldom(): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
}
