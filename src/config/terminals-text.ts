/**
 * Profiles as the text of a terminals file: what `parseTerminals` reads back to the same profiles.
 * The form in which an estate leaves the switch, and in which the journal keeps it.
 */

import { channels } from "../domain/channel.ts"
import { kinds } from "../domain/kind.ts"
import type { TerminalProfile } from "../domain/ports/terminals.ts"
import { currencyCount, terminalColumns } from "./terminals-file.ts"

type Column = (typeof terminalColumns)[number]

const yes = (value: boolean): string => value ? "yes" : "no"

function set(values: ReadonlySet<string>, all: number): string {
  return values.size === all ? "*" : [...values].toSorted().join(";")
}

function cellsOf(profile: TerminalProfile): Readonly<Record<Column, string>> {
  return {
    terminal: profile.terminal,
    merchant: profile.merchant.trimEnd(),
    merchantName: profile.merchantName,
    group: profile.group,
    identity: profile.identity,
    category: profile.category,
    masterKey: profile.masterKey ?? "",
    macRequired: yes(profile.macRequired),
    window: String(profile.window),
    kinds: set(profile.kinds, kinds.length),
    channels: set(profile.channels, channels.length),
    currencies: set(profile.currencies, currencyCount),
    partialApproval: yes(profile.partialApproval),
    reverseUnconfirmed: yes(profile.reverseUnconfirmed),
    counter: profile.counter ?? "",
    blocked: yes(profile.blocked),
    concentrator: profile.concentrator ?? "",
    certificate: profile.certificate ?? "",
    baseKey: profile.baseKey ?? "",
    pinFormat: profile.pinFormat === undefined ? "" : String(profile.pinFormat)
  }
}

function quoted(cell: string): string {
  return /[",]|^\s|\s$|^#/.test(cell) ? `"${cell.replaceAll("\"", "\"\"")}"` : cell
}

/** The line of one terminal, without its end: equal for equal profiles. */
export function terminalLine(profile: TerminalProfile): string {
  const cells = cellsOf(profile)
  return terminalColumns.map((column) => quoted(cells[column].trimEnd())).join(",")
}

/** One line a terminal under the names of all columns, each line with its end. */
export function terminalsText(profiles: ReadonlyArray<TerminalProfile>): string {
  const lines = profiles.map(terminalLine)
  return [terminalColumns.join(","), ...lines, ""].join("\n")
}
