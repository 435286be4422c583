/**
 * Schema version 6: the tables of the estate hold everything that a terminal's profile says, so
 * that they can be the registry (`registry: database`), and say who is out of it.
 */

import { type Column, commentOn, statements } from "./table.ts"

/** Of the table `terminals`. */
export const columns: ReadonlyArray<Column> = [
  ["category", "text NOT NULL DEFAULT '0000'", "ISO 18245 merchant category code"],
  ["master_key", "text", "Name of its master key; null: no key download"],
  ["base_key", "text", "Name of its base derivation key; null: no DUKPT"],
  ["pin_format", "int2", "Of its PIN blocks; null: 0"],
  ["in_flight", "int4 NOT NULL DEFAULT 4", "Requests in flight at once"],
  ["partial_approval", "boolean NOT NULL DEFAULT false", "It understands partial approvals"],
  [
    "reverse_unconfirmed",
    "boolean NOT NULL DEFAULT false",
    "Answers whose delivery is unknown are reversed"
  ],
  ["concentrator", "text", "Shared by the terminals that may speak on one connection"],
  ["certificate", "text", "Common name of its certificate; null: the terminal itself"],
  [
    "registered",
    "boolean NOT NULL DEFAULT true",
    "Part of the registry; false: taken out, and kept because history refers to it"
  ]
]

const added = columns.flatMap(([name, type, comment]) => [
  `ALTER TABLE terminals ADD COLUMN ${name} ${type}`,
  commentOn("terminals", name, comment)
])

/** Of columns that were there. */
export const comments = { currencies: "ISO 4217 numeric codes that it may use; * for all of them" }

/** A thousand codes a terminal were a hundred megabytes for a fleet. */
const shortened = [
  "UPDATE terminals SET currencies = '{*}' WHERE cardinality(currencies) = 1000",
  commentOn("terminals", "currencies", comments.currencies)
]

export const migration = statements([...added, ...shortened])
