/** `pointsman decode`: a message, field by field, with what must not be seen masked. */

import { maskedJson } from "../domain/masked-json.ts"
import { anatomy, type Piece } from "./anatomy.ts"
import type { Reading } from "./fitting.ts"
import { messageParameter } from "./message-input.ts"
import { bestReading, faultWords, readingFlags } from "./reading.ts"
import type { Call, Verb } from "./verb.ts"

export const verb: Verb = {
  about: "Explains a message field by field: place, name and value. Card numbers, tracks, PIN " +
    "blocks and codes are masked. What cannot be read is named with its byte.",
  parameters: [messageParameter],
  flags: readingFlags,
  examples: [
    ["decode --dialect cup-pos 0800…", "a message from a log"],
    ["decode --dialect cup-pos --framing cup-tpdu capture.bin", "with its length and TPDU"],
    ["decode - --format json < capture.hex", "for a program"]
  ],
  run: async (call) => {
    const reading = await bestReading(call, call.parameters[0])
    const pieces = reading.message === undefined ? [] : anatomy(reading.dialect, reading.message)
    if (call.format === "json") call.streams.out(asJson(reading, pieces))
    else if (reading.message !== undefined) writeText(call, reading, pieces)
    if (reading.fault === undefined) return 0
    call.streams.say(faultWords(reading))
    return 1
  }
}

function writeText({ streams }: Call, reading: Reading, pieces: ReadonlyArray<Piece>): void {
  const { body, dialect, header, message } = reading
  const head = [message!.mti, message!.kind() ?? "no kind of the dialect", dialect.title]
  if (header.length > 0) head.push(`header ${Buffer.from(header).toString("hex").toUpperCase()}`)
  const names = Math.max(4, ...pieces.map(({ depth, name }) => name.length + depth * 2))
  const paths = Math.max(5, ...pieces.map(({ depth, path }) => path.length + depth * 2))
  const line = (offset: string, size: string, path: string, name: string, value: string) =>
    `${offset.padStart(6)} ${size.padStart(5)}  ${path.padEnd(paths)}  ${
      name.padEnd(names)
    }  ${value}`
      .trimEnd()
  const rows = pieces.map(({ bytes, depth, name, offset, path, value }) => {
    const indent = "  ".repeat(depth)
    const place = offset < 0 ? "" : String(offset)
    return line(place, bytes === 0 ? "" : String(bytes), indent + path, indent + name, value)
  })
  streams.out(
    [
      `${head.join(" · ")} · ${body.length} bytes`,
      line("byte", "size", "field", "name", "value"),
      ...rows,
      ""
    ].join("\n")
  )
}

function asJson(reading: Reading, pieces: ReadonlyArray<Piece>): string {
  const { body, dialect, fault, framing, header, message } = reading
  return `${
    maskedJson(
      {
        dialect: dialect.name,
        framing: framing?.name,
        header: header.length === 0 ? undefined : Buffer.from(header).toString("hex").toUpperCase(),
        bytes: body.length,
        mti: message?.mti,
        kind: message?.kind(),
        fields: pieces,
        fault
      },
      2
    )
  }\n`
}
