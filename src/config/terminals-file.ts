/**
 * The terminals file: one line per terminal, comma-separated, first line the names of the columns.
 * What must hold: every bad line is named, and a file with one bad line gives no terminals.
 *
 *   terminal            1 to 8 characters of field 41; shorter ones are filled with spaces
 *   merchant            1 to 15 characters of field 42, likewise
 *   merchantName        empty: the merchant id
 *   group               what routes may ask for; empty: `default`
 *   identity            sign-on (usual), mac, certificate or hello
 *   category            four digits, ISO 18245; empty: 0000
 *   masterKey           name in the key store; empty: no key download
 *   macRequired         yes (usual) or no
 *   window              requests in flight at once; empty: 4
 *   kinds               kinds it may ask for, separated by `;`; empty or `*`: all
 *   channels            likewise; empty or `*`: all
 *   currencies          three-digit codes, likewise; empty or `*`: all
 *   partialApproval     yes or no (usual): it understands partial approvals
 *   reverseUnconfirmed  yes or no (usual): reverse an answer whose delivery is unknown
 *   counter             name on this counter's printed code; unique
 *   blocked             yes or no (usual)
 *   concentrator        name shared by the terminals that may speak on one connection; empty: alone
 *   certificate         common name of its client certificate; empty: the terminal id
 *   baseKey             base derivation key in the key store, for DUKPT; empty: none
 *   pinFormat           of its PIN blocks: 0 (usual), 1, 3 or 4
 *
 * A value with a comma or a quote in it stands in double quotes, quotes in it doubled. Empty lines
 * and lines that begin with `#` are skipped. `terminal` and `merchant` alone must be there.
 */

import {
  type MerchantId,
  merchantIdLength,
  type TerminalId,
  terminalIdLength
} from "../domain/brand.ts"
import { channels } from "../domain/channel.ts"
import { kinds } from "../domain/kind.ts"
import { maskText } from "../domain/pan.ts"
import type { PinFormat } from "../domain/ports/security-module.ts"
import type { IdentityRule, TerminalProfile } from "../domain/ports/terminals.ts"
import type { OnFault } from "../domain/source-fault.ts"
import type { ConfigFault } from "./loaded.ts"
import { suggestion } from "./suggest.ts"

export const terminalColumns = [
  "terminal",
  "merchant",
  "merchantName",
  "group",
  "identity",
  "category",
  "masterKey",
  "macRequired",
  "window",
  "kinds",
  "channels",
  "currencies",
  "partialApproval",
  "reverseUnconfirmed",
  "counter",
  "blocked",
  "concentrator",
  "certificate",
  "baseKey",
  "pinFormat"
] as const

type Column = typeof terminalColumns[number]

const identities: ReadonlyArray<IdentityRule> = ["sign-on", "mac", "certificate", "hello"]

/** Faults listed before the rest is only counted: a file in the wrong format has one per line. */
const maxFaults = 50

/** Three digits: all of them are all currencies. */
export const currencyCount = 1000

/** Shared by all terminals that may use every kind, channel or currency. */
const everyKind: ReadonlySet<string> = new Set(kinds)
const everyChannel: ReadonlySet<string> = new Set(channels)
const everyCurrency: ReadonlySet<string> = new Set(
  Array.from({ length: currencyCount }, (_, code) => String(code).padStart(3, "0"))
)

/** The profiles, or every fault. */
export function parseTerminals(
  file: string,
  text: string
): ReadonlyArray<TerminalProfile> | { readonly faults: ReadonlyArray<ConfigFault> } {
  const faults: Array<ConfigFault> = []
  const profiles: Array<TerminalProfile> = []
  const seen = new Map<string, number>()
  let columns: ReadonlyArray<string> | undefined
  text.replace(/^\uFEFF/, "").split(/\r?\n/).forEach((content, index) => {
    if (content.trim() === "" || content.startsWith("#")) return
    const line = index + 1
    const fault = (path: string, problem: string) =>
      void faults.push({ file, line, path, problem: maskText(problem) })
    const cells = splitLine(content)
    if (cells === undefined) return fault("", "a quote is not closed")
    if (columns === undefined) {
      columns = cells.map((cell) => cell.trim())
      return checkColumns(columns, fault)
    }
    if (cells.length > columns.length) {
      return fault("", `${cells.length} values for ${columns.length} columns`)
    }
    const row = new Row(columns, cells, fault)
    const profile = row.profile()
    for (const key of [`terminal ${profile.terminal}`, `counter ${profile.counter ?? ""}`]) {
      if (key === "counter ") continue
      const first = seen.get(key)
      if (first === undefined) seen.set(key, line)
      else fault(key.split(" ")[0]!, `${key.trim()} stands on line ${first} already`)
    }
    profiles.push(profile)
  })
  if (columns === undefined) {
    faults.push({ file, line: 0, path: "", problem: "empty: expected a line of column names" })
  }
  return faults.length === 0 ? profiles : { faults: shortened(file, faults) }
}

function checkColumns(columns: ReadonlyArray<string>, fault: OnFault): void {
  columns.forEach((column, index) => {
    if (!(terminalColumns as ReadonlyArray<string>).includes(column)) {
      fault(column, `unknown column.${suggestion(column, terminalColumns)}`)
    } else if (columns.indexOf(column) < index) fault(column, "this column stands there twice")
  })
  for (const column of ["terminal", "merchant"]) {
    if (!columns.includes(column)) fault(column, "this column is missing")
  }
}

/** The cells of one line; undefined when a quote is not closed. */
function splitLine(content: string): ReadonlyArray<string> | undefined {
  if (!content.includes("\"")) return content.split(",")
  const cells: Array<string> = []
  let rest = content
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*(?:,|$)/.exec(rest)
    if (quoted === null && /^\s*"/.test(rest)) return undefined
    const taken = quoted ?? /^([^,]*)(?:,|$)/.exec(rest)!
    cells.push(taken[1]!.replaceAll("\"\"", "\""))
    if (!taken[0].endsWith(",")) return cells
    rest = rest.slice(taken[0].length)
  }
}

class Row {
  readonly #cells: ReadonlyMap<string, string>
  readonly #fault: OnFault

  constructor(columns: ReadonlyArray<string>, cells: ReadonlyArray<string>, fault: OnFault) {
    this.#cells = new Map(columns.map((column, index) => [column, cells[index]?.trim() ?? ""]))
    this.#fault = fault
  }

  profile(): TerminalProfile {
    const merchant = this.#id("merchant", merchantIdLength)
    const masterKey = this.#text("masterKey")
    const baseKey = this.#text("baseKey")
    const pinFormat = this.#matching("pinFormat", /^[0134]$/, "0, 1, 3 or 4")
    const counter = this.#text("counter")
    const concentrator = this.#text("concentrator")
    const certificate = this.#text("certificate")
    return {
      terminal: this.#id("terminal", terminalIdLength) as TerminalId,
      merchant: merchant as MerchantId,
      merchantName: this.#text("merchantName") || merchant.trimEnd(),
      group: this.#text("group") || "default",
      identity: this.#identity(),
      category: this.#matching("category", /^\d{4}$/, "four digits") || "0000",
      ...(masterKey === "" ? {} : { masterKey }),
      ...(baseKey === "" ? {} : { baseKey }),
      ...(pinFormat === "" ? {} : { pinFormat: Number(pinFormat) as PinFormat }),
      macRequired: this.#yes("macRequired", true),
      window: Number(this.#matching("window", /^[1-9]\d{0,3}$/, "1 to 9999") || "4"),
      kinds: this.#set("kinds", everyKind) as TerminalProfile["kinds"],
      channels: this.#set("channels", everyChannel) as TerminalProfile["channels"],
      currencies: this.#set("currencies", everyCurrency),
      partialApproval: this.#yes("partialApproval", false),
      reverseUnconfirmed: this.#yes("reverseUnconfirmed", false),
      ...(counter === "" ? {} : { counter }),
      ...(concentrator === "" ? {} : { concentrator }),
      ...(certificate === "" ? {} : { certificate }),
      blocked: this.#yes("blocked", false)
    }
  }

  #text(column: Column): string {
    return this.#cells.get(column) ?? ""
  }

  #id(column: Column, length: number): string {
    const value = this.#text(column)
    if (!/^[\x20-\x7E]+$/.test(value) || value.length > length) {
      this.#fault(column, `${value}: expected 1 to ${length} printable ASCII characters`)
    }
    return value.padEnd(length)
  }

  #identity(): IdentityRule {
    const value = this.#text("identity") || "sign-on"
    const found = identities.find((each) => each === value)
    const near = suggestion(value, identities)
    if (found === undefined) {
      this.#fault("identity", `${value}: expected one of ${identities.join(", ")}.${near}`)
    }
    return found ?? "sign-on"
  }

  #matching(column: Column, pattern: RegExp, words: string): string {
    const value = this.#text(column)
    if (value === "" || pattern.test(value)) return value
    this.#fault(column, `${value}: expected ${words}`)
    return ""
  }

  #yes(column: Column, usual: boolean): boolean {
    const value = this.#text(column).toLowerCase()
    if (value === "") return usual
    if (["yes", "true", "1"].includes(value)) return true
    if (!["no", "false", "0"].includes(value)) this.#fault(column, `${value}: expected yes or no`)
    return false
  }

  #set(column: Column, every: ReadonlySet<string>): ReadonlySet<string> {
    const value = this.#text(column)
    if (value === "" || value === "*") return every
    const words = value.split(";").map((word) => word.trim()).filter((word) => word !== "")
    for (const word of words) {
      if (!every.has(word)) this.#fault(column, `${word}: unknown.${suggestion(word, every)}`)
    }
    return new Set(words)
  }
}

function shortened(
  file: string,
  faults: ReadonlyArray<ConfigFault>
): ReadonlyArray<ConfigFault> {
  if (faults.length <= maxFaults) return faults
  const problem = `and ${faults.length - maxFaults} more faults in this file`
  return [...faults.slice(0, maxFaults), { file, line: 0, path: "", problem }]
}
