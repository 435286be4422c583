/** The message of a verb: its bytes, read by the dialect and framing named, or by what fits. */

import type { CompiledDialect } from "../iso8583/dialect.ts"
import { type Diagnosis, doctor } from "../iso8583/doctor.ts"
import type { Message } from "../iso8583/message.ts"
import { bundledNames, dialectOf, framingOf } from "./dialect-files.ts"
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
): Promise<ReadonlyArray<Diagnosis>> {
  const meant = await messageBytes(call, word)
  const named = call.text("dialect")
  const names = named === undefined ? bundledNames("dialects") : [named]
  const dialects = names.map((name, index) => dialectOf(name, index + 1))
  const framing = call.text("framing")
  const framings = framing === "none"
    ? []
    : (framing === undefined ? bundledNames("framings") : [framing]).map(framingOf)
  const mustBeFramed = framing !== undefined && framing !== "none"
  const all = meant.map((bytes) =>
    doctor(bytes, dialects, framings)
      .filter((each) => !mustBeFramed || each.framing !== undefined)
  )
  const found = all.find(([best]) => best !== undefined && fits(best)) ??
    all.find(({ length }) => length > 0)
  if (found === undefined) {
    throw new Refusal(1, `${meant[0]!.length} bytes hold no whole frame of ${framing}; try doctor`)
  }
  return found
}

/** Was every byte read? */
export function fits({ fault, rest }: Diagnosis): boolean {
  return fault === undefined && rest === 0
}

/** The best reading; what was guessed, and what is not shown, is said. */
export async function bestReading(call: Call, word: string | undefined): Promise<Diagnosis> {
  const [best] = await allReadings(call, word)
  const { dialect, frame, frames, framing, rest } = best!
  if (call.text("dialect") === undefined) {
    call.streams.say(`read as ${dialect}, framed by ${framing ?? "nothing"}`)
  }
  if (frames > 1) call.streams.say(`frame ${frame} of ${frames}`)
  if (rest > 0) call.streams.say(`${rest} bytes behind the last frame are no whole frame`)
  return best!
}

/** As {@link bestReading}, of a message that can be read to its end; throws a {@link Refusal}. */
export async function wholeMessage(
  call: Call,
  word: string | undefined
): Promise<{ readonly dialect: CompiledDialect; readonly message: Message }> {
  const reading = await bestReading(call, word)
  if (reading.fault !== undefined) {
    const place = word === undefined || word === "-" ? "standard input" : "the message"
    throw new Refusal(1, `${place}: ${faultWords(reading)}`)
  }
  return { dialect: reading.message!.dialect as CompiledDialect, message: reading.message! }
}

/** The fault in one line: path, place, what should have stood there and what did, masked. */
export function faultWords({ body, dialect, fault }: Diagnosis): string {
  if (fault === undefined) return ""
  const { excerpt, expected, failure, offset, path } = fault
  const found = excerpt === "" ? "" : `, found ${excerpt}`
  return `${failure}: ${path} at byte ${offset} of ${body.length}: expected ${expected}${found} ` +
    `(${dialect})`
}
