/** `pointsman decode`: a message, field by field, with what must not be seen masked. */

import { maskedJson } from "../domain/masked-json.ts"
import { describe, type Row } from "../iso8583/describe.ts"
import type { CompiledDialect } from "../iso8583/dialect.ts"
import type { Diagnosis } from "../iso8583/doctor.ts"
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
    const rows = reading.message === undefined ? [] : describe(reading.message)
    if (call.format === "json") call.streams.out(asJson(reading, rows))
    else if (reading.message !== undefined) writeText(call, reading, rows)
    if (reading.fault === undefined) return 0
    call.streams.say(faultWords(reading))
    return 1
  }
}

function writeText(
  { streams }: Call,
  reading: Diagnosis,
  rows: ReadonlyArray<Row>
): void {
  const { body, header, message } = reading
  const { title } = message!.dialect as CompiledDialect
  const head = [message!.mti, message!.kind() ?? "no kind of the dialect", title]
  if (header.length > 0) head.push(`header ${headerHex(header)}`)
  const names = Math.max(4, ...rows.map(({ depth, name }) => name.length + depth * 2))
  const paths = Math.max(5, ...rows.map(({ depth, path }) => path.length + depth * 2))
  const line = (offset: string, size: string, path: string, name: string, value: string) =>
    [offset.padStart(6), size.padStart(6), path.padEnd(paths), name.padEnd(names), value]
      .join("  ")
      .trimEnd()
  const lines = rows.map(({ depth, length, name, note, offset, path, value }) => {
    const indent = "  ".repeat(depth)
    const place = offset < 0 ? "" : String(offset)
    const told = note === "" ? value : `${value}  (${note})`.trimStart()
    return line(place, length < 0 ? "" : String(length), indent + path, indent + name, told)
  })
  streams.out(
    [
      `${head.join(" · ")} · ${body.length} bytes`,
      line("byte", "size", "field", "name", "value"),
      ...lines,
      ""
    ].join("\n")
  )
}

function asJson(reading: Diagnosis, fields: ReadonlyArray<Row>): string {
  const { body, dialect, fault, framing, header, message } = reading
  return `${
    maskedJson(
      {
        dialect,
        framing,
        header: header.length === 0 ? undefined : headerHex(header),
        bytes: body.length,
        mti: message?.mti,
        kind: message?.kind(),
        fields,
        fault
      },
      2
    )
  }\n`
}

function headerHex(header: Uint8Array): string {
  return Buffer.from(header).toString("hex").toUpperCase()
}
