/** `pointsman doctor`: which dialect and framing fit these bytes, and where each reading stops. */

import { messageParameter } from "./message-input.ts"
import { allReadings, faultWords, fits, readingFlags } from "./reading.ts"
import { writeRows } from "./table.ts"
import type { Verb } from "./verb.ts"

export const verb: Verb = {
  about: "Says which dialect and framing fit some bytes, best first, and for those that do not " +
    "fit, where reading stopped and what should have stood there.",
  parameters: [messageParameter],
  flags: {
    ...readingFlags,
    rows: { type: "number", value: "<rows>", about: "readings to show", fallback: 5 }
  },
  examples: [["doctor capture.bin", "what is this?"]],
  run: async (call) => {
    const found = await allReadings(call, call.parameters[0])
    const rows = found.slice(0, call.number("rows")).map((reading) => ({
      fits: fits(reading) ? "yes" : "no",
      dialect: reading.dialect,
      framing: reading.framing ?? "none",
      frames: reading.frames,
      mti: reading.message?.mti,
      kind: reading.message?.kind(),
      fields: reading.message?.fields().length ?? 0,
      fault: faultWords(reading)
    }))
    writeRows(call, rows, [
      ["fits", "fits"],
      ["dialect", "dialect"],
      ["framing", "framing"],
      ["frames", "frames"],
      ["mti", "mti"],
      ["kind", "kind"],
      ["fields", "fields"],
      ["where it stopped", "fault"]
    ])
    return fits(found[0]!) ? 0 : 1
  }
}
