/** The machine's time and randomness, for what runs on real processes. */

import { Layer } from "effect"
import type { Random, Time } from "../../src/domain/ports/time.ts"
import { MachineRandom, MachineTime } from "../../src/listen/machine-time.ts"

export const machine: Layer.Layer<Time | Random> = Layer.merge(MachineTime, MachineRandom)
