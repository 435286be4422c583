/** `pointsman diff`: two messages, field by field. */

import { anatomy } from "./anatomy.ts"
import type { Reading } from "./fitting.ts"
import { bestReading, faultWords, readingFlags } from "./reading.ts"
import { writeRows } from "./table.ts"
import { Refusal, type Verb } from "./verb.ts"

/** Masked values by path, and whether the bytes below differ. */
function valuesOf({ dialect, message }: Reading): Map<string, { value: string; raw: string }> {
  const values = new Map<string, { value: string; raw: string }>()
  values.set("mti", { value: message!.mti, raw: message!.mti })
  for (const { path, value } of anatomy(dialect, message!)) {
    const raw = message!.raw(path)
    values.set(path, { value, raw: raw === undefined ? value : Buffer.from(raw).toString("hex") })
  }
  return values
}

export const verb: Verb = {
  about:
    "Compares two messages field by field, by their bytes; shows masked values. Exit code 0: " +
    "they are the same; 1: they differ.",
  parameters: [
    { name: "left", about: "hex, base64, a file or -", presence: "one" },
    { name: "right", about: "the same", presence: "one" }
  ],
  flags: readingFlags,
  examples: [["diff --dialect cup-pos sent.hex received.hex", "what did the host change?"]],
  run: async (call) => {
    const readings: Array<Reading> = []
    for (const word of call.parameters) {
      const reading = await bestReading(call, word)
      if (reading.fault !== undefined) throw new Refusal(1, `${word}: ${faultWords(reading)}`)
      readings.push(reading)
    }
    const [left, right] = readings.map(valuesOf)
    const paths = [...new Set([...left!.keys(), ...right!.keys()])]
    const rows = paths
      .filter((path) => left!.get(path)?.raw !== right!.get(path)?.raw)
      .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
      .map((path) => ({
        field: path,
        left: left!.get(path)?.value ?? "absent",
        right: right!.get(path)?.value ?? "absent"
      }))
    if (rows.length === 0) {
      call.streams.say("the same")
      return 0
    }
    writeRows(call, rows, [["field", "field"], ["left", "left"], ["right", "right"]])
    return 1
  }
}
