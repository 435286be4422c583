/** Clocks and randomness of this machine, for verbs that need nothing else of it. */

import { Layer } from "effect"
import { MachineRandom, MachineTime } from "../listen/machine-time.ts"

export const machineClock = Layer.merge(MachineTime, MachineRandom)
