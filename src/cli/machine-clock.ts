/** Clocks and randomness of this machine, for verbs that need nothing else of it. */

export { machineClock } from "../listen/machine-time.ts"
