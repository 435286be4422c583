/**
 * A customer's code as lines for people. Must hold: of a card's number first six and last four
 * digits, of a track nothing else, of a cryptogram and what it was made over only that it is there.
 */

import { emvTags } from "../iso8583/emv-tags.ts"
import type { ReadTlv } from "./ber-tlv.ts"
import { type CodeRow, shownText } from "./code-row.ts"
import { cardNumber, type ConsumerReading, trackOf } from "./consumer-code.ts"

export function consumerRows(reading: ConsumerReading): ReadonlyArray<CodeRow> {
  return rowsOf(reading.objects, "")
}

/** EMVCo CPM 1.1 §3; the rest is named as in a card's own data. */
const names: Readonly<Record<string, string>> = {
  "5F2D": "language preference",
  "5F50": "issuer URL",
  "61": "application template",
  "62": "common data",
  "63": "of the application alone",
  "64": "common data of the issuer",
  "85": "payload format",
  "9F08": "application version",
  "9F19": "token requestor",
  "9F24": "payment account reference",
  "9F25": "last four digits of the card"
}

const texts = new Set(["50", "5F2D", "5F50", "85", "9F24"])

/** Issuer data, cryptogram, counter, unpredictable number. */
const cryptogram = new Set(["9F10", "9F26", "9F27", "9F36", "9F37"])

function rowsOf(objects: ReadonlyArray<ReadTlv>, above: string): ReadonlyArray<CodeRow> {
  const rows: Array<CodeRow> = []
  for (const { at, children, tag, value } of objects) {
    const path = above === "" ? tag : `${above}.${tag}`
    rows.push({
      path,
      depth: above === "" ? 0 : above.split(".").length,
      name: names[tag] ?? emvTags.get(tag)?.name ?? "unknown",
      offset: at,
      length: value.length,
      value: children === undefined ? valueOf(tag, value) : "",
      note: noteOf(tag, value)
    })
    if (children !== undefined) rows.push(...rowsOf(children, path))
  }
  return rows
}

function valueOf(tag: string, value: Uint8Array): string {
  if (cryptogram.has(tag)) return "present"
  switch (emvTags.get(tag)?.mask ?? "none") {
    case "pan":
      return cardNumber(value)?.mask ?? "****"
    case "track":
      return trackOf(value)?.pan.mask ?? "****"
    case "code":
    case "hidden":
      return "present"
    case "none": {
      const bytes = Buffer.from(value)
      return texts.has(tag)
        ? shownText(bytes.toString("latin1"))
        : shownText(bytes.toString("hex").toUpperCase())
    }
  }
}

function noteOf(tag: string, value: Uint8Array): string {
  if (tag === "57") {
    const expiry = trackOf(value)?.expiry
    return expiry === undefined ? "" : `expires ${expiry.slice(2)}/${expiry.slice(0, 2)}`
  }
  return tag === "5F20" ? "not shown" : ""
}
