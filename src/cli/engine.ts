/**
 * How the JavaScript engine is set for a process that lives long and does one thing.
 *
 * Collections: while threads of the collector mark, they take the processors from everybody else,
 * and on a small machine every transaction of that tenth of a second waits. What lives is small
 * beside what a machine has, so the heap may grow to three times of it in between; and where there
 * are few processors the main thread marks by itself, a little at a time.
 *
 * Compiled code: a transaction passes hundreds of small functions, and no one of them takes more
 * than a fiftieth of its time, so what calls cost is what can be saved. The engine inlines as much
 * as suits a page that is soon closed; with these bounds the main thread took 4 % less for a
 * transaction.
 */

import { availableParallelism } from "node:os"
import { setFlagsFromString } from "node:v8"

/** What may be allocated between two full collections, in percent of what outlived the first. */
const growthPercent = 200
/** With fewer, threads that mark stand in the way of those that work. */
const processorsToMark = 4

/** Bytes of bytecode: of one function that is inlined, and of all in one that is compiled. */
const inlined = { small: 60, one: 1000, cumulative: 6000, absolute: 12_000 }

/** Its largest heap stays what it was. */
export function setEngine(): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
  if (availableParallelism() < processorsToMark) setFlagsFromString("--no-concurrent-marking")
  setFlagsFromString(`--max-inlined-bytecode-size=${inlined.one}`)
  setFlagsFromString(`--max-inlined-bytecode-size-small=${inlined.small}`)
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${inlined.cumulative}`)
  setFlagsFromString(`--max-inlined-bytecode-size-absolute=${inlined.absolute}`)
}
