/**
 * A dialect made from somebody else's description of fields: what such a description never says
 * (message types, kinds, roles, reversal) is filled in from ISO 8583:1987, and listed as such.
 */

import type { SourceFault } from "../domain/source-fault.ts"
import type { Source } from "./source-reader.ts"

export interface Imported {
  /** Plain data for `compileDialect`, or for a YAML file. */
  readonly source: Source
  /** What could not be carried over, and what had to be assumed. Nothing is dropped silently. */
  readonly notes: ReadonlyArray<SourceFault>
}

const roles: Readonly<Record<string, ReadonlyArray<number>>> = {
  pan: [2],
  processingCode: [3],
  amount: [4],
  transmissionTime: [7],
  stan: [11],
  localTime: [12],
  localDate: [13],
  expiry: [14],
  entryMode: [22],
  cardSequence: [23],
  condition: [25],
  acquirer: [32],
  forwarder: [33],
  track2: [35],
  rrn: [37],
  authCode: [38],
  response: [39],
  terminal: [41],
  merchant: [42],
  currency: [49],
  pinBlock: [52],
  networkCode: [70]
}

/** By number, as every version of the standard has them. */
const masks: ReadonlyMap<number, Source> = new Map<number, Source>([
  [2, { mask: "pan" }],
  [34, { mask: "pan" }],
  [35, { mask: "track", neverStored: true }],
  [36, { mask: "hidden", neverStored: true }],
  [45, { mask: "hidden", neverStored: true }],
  [52, { mask: "hidden", neverStored: true }]
])

interface ImportedFields {
  readonly name: string
  readonly title: string
  readonly mti: string
  readonly bitmap: Source
  readonly fields: ReadonlyMap<number, Source>
  readonly notes: ReadonlyArray<SourceFault>
}

export function imported(read: ImportedFields): Imported {
  const { fields } = read
  const has = (field: number): boolean => fields.has(field)
  const messages: Record<string, Source> = {}
  for (const version of ["0", "1", "2"]) {
    for (const kind of ["10", "20", "22", "30", "40", "42", "50", "52", "60", "62", "80", "82"]) {
      const type = `${version}${kind}0`
      const response = `${version}${Number(kind) + 1}0`
      messages[type] = { response }
      if (type[2] === "2" || type[2] === "0") messages[`${version}${kind}1`] = { response }
      messages[response] = {}
    }
  }
  const source: Source = {
    dialect: read.name,
    title: read.title,
    mti: { encoding: read.mti },
    bitmap: read.bitmap,
    fields: Object.fromEntries(
      [...fields].map(([field, definition]) => [
        String(field),
        { ...definition, ...masks.get(field) }
      ])
    ),
    messages,
    echo: [2, 3, 4, 7, 11, 12, 13, 22, 25, 32, 37, 41, 42, 49].filter(has),
    roles: Object.fromEntries(
      Object.entries(roles).flatMap(([role, numbers]) => {
        const present = numbers.filter(has).map(String)
        return present.length === 0 ? [] : [[role, present]]
      })
    ),
    key: ["terminal", "stan", "localDate", "localTime", "class"],
    reversal: { mti: "0420", repeatMti: "0421" }
  }
  const assumed = [
    ["messages", "which fields a message must carry was not described: none are demanded"],
    ["roles", "assumed as in ISO 8583:1987, by field number"],
    ["kinds", "were not described: the switch cannot tell a sale from a refund until they are"],
    ["reversal", "assumed to be 0420 and 0421 without original data"]
  ].map(([path, problem]) => ({ path: path!, problem: problem! }))
  return { source, notes: [...read.notes, ...assumed] }
}

/** A name that a dialect may have. */
export function dialectName(text: string): string {
  const name = text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "")
  return name === "" ? "imported" : name
}
