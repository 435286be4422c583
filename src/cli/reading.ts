/** The message of a verb: its bytes, read by the dialect and framing named, or by what fits. */

import { bundledNames, dialectOf, framingOf } from "./dialect-files.ts"
import { type Reading, readings } from "./fitting.ts"
import { asFlag, messageBytes } from "./message-input.ts"
import { type Call, dialectFlag, type Flag, Refusal } from "./verb.ts"

export const readingFlags: Readonly<Record<string, Flag>> = {
  dialect: { ...dialectFlag, about: `${dialectFlag.about}; absent: the one that fits best` },
  framing: {
    type: "text",
    value: "<name>",
    about: "what stands around the message: a name, a file, or none; absent: what fits best"
  },
  as: asFlag
}

/** Readings of one word, best first; at least one. */
export async function allReadings(
  call: Call,
  word: string | undefined
): Promise<ReadonlyArray<Reading>> {
  const bytes = await messageBytes(call, word)
  const named = call.text("dialect")
  const names = named === undefined ? bundledNames("dialects") : [named]
  const dialects = names.map((name, index) => dialectOf(name, index + 1))
  const framing = call.text("framing")
  const framings = framing === "none"
    ? []
    : (framing === undefined ? bundledNames("framings") : [framing]).map(framingOf)
  const bare = framing === undefined || framing === "none"
  const found = readings(bytes, dialects, framings, bare)
  if (found.length === 0) {
    throw new Refusal(1, `${bytes.length} bytes are not one frame of ${framing}; try doctor`)
  }
  return found
}

/** The best reading; what was guessed is said. */
export async function bestReading(call: Call, word: string | undefined): Promise<Reading> {
  const [best] = await allReadings(call, word)
  if (call.text("dialect") === undefined) {
    call.streams.say(`read as ${best!.dialect.name}, framed by ${best!.framing?.name ?? "nothing"}`)
  }
  return best!
}

/** The fault in one line, with what had been read before it. */
export function faultWords({ body, fault, dialect }: Reading): string {
  if (fault === undefined) return ""
  const { excerpt, expected, failure, offset, path } = fault
  const found = excerpt === "" ? "" : `, found ${excerpt}`
  return `${failure}: ${path} at byte ${offset} of ${body.length}: expected ${expected}${found} ` +
    `(${dialect.name})`
}
