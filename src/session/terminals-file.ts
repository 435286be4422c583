/**
 * The terminals file: CSV, one terminal a line, `#` comments, the first line names the columns.
 * Reading is pure and total: every line is a profile or a named fault, and no line hides another.
 *
 *   terminal     field 41, 1-8 printable ASCII characters          merchant     field 42, 1-15
 *   name         merchant name                                     group        for routes
 *   identity     sign-on | mac | certificate | hello               category     MCC, 4 digits
 *   master_key   key store name of its master key, or empty        mac          yes | no: demanded
 *   window       requests in flight at once, 1-64, empty = 1
 *   kinds        kinds separated by spaces; `purchase` (card acceptance without pre-authorisation),
 *                `hotel` (all of it), `code` (codes alone), `all`; empty = purchase
 *   channels     channels separated by spaces, empty = all
 *   currencies   ISO 4217 numeric codes separated by spaces, empty = 156
 *   partial      yes | no: understands partial approvals           counter      of a printed code
 *   reverse      yes | no: an answer whose delivery is unknown is reversed, not waited for
 *   concentrator name shared by the terminals of one connection    certificate  common name
 *   blocked      yes | no
 *
 * Only `terminal`, `merchant`, `group` and `identity` must be there. A value may stand in double
 * quotes, with a quote inside doubled.
 */

import type { MerchantId, TerminalId } from "../domain/brand.ts"
import { type Channel, channels } from "../domain/channel.ts"
import { type Kind, kinds } from "../domain/kind.ts"
import type { IdentityRule, TerminalProfile } from "../domain/ports/terminals.ts"
import { merchantIdLength, terminalIdLength } from "./estate.ts"

export interface TerminalFault {
  /** 1-based. */
  readonly line: number
  readonly column: string
  readonly problem: string
}

export interface ParsedTerminals {
  readonly profiles: ReadonlyArray<TerminalProfile>
  readonly faults: ReadonlyArray<TerminalFault>
}

const columns = [
  "terminal",
  "merchant",
  "name",
  "group",
  "identity",
  "category",
  "master_key",
  "mac",
  "window",
  "kinds",
  "channels",
  "currencies",
  "partial",
  "counter",
  "reverse",
  "concentrator",
  "certificate",
  "blocked"
] as const

type Column = typeof columns[number]

const mandatory: ReadonlyArray<Column> = ["terminal", "merchant", "group", "identity"]

const management: ReadonlyArray<Kind> = [
  "sign-on",
  "sign-off",
  "echo",
  "download",
  "status-upload",
  "poll",
  "settlement",
  "batch-upload",
  "script-result"
]

const purchase: ReadonlyArray<Kind> = [
  "sale",
  "void",
  "refund",
  "balance",
  "inquiry",
  "reversal",
  ...management
]

const kindSets: Readonly<Record<string, ReadonlyArray<Kind>>> = {
  purchase,
  hotel: kinds,
  all: kinds,
  code: ["sale", "void", "refund", "inquiry", "reversal", ...management]
}

const identities: ReadonlyArray<IdentityRule> = ["sign-on", "mac", "certificate", "hello"]

const mostInFlight = 64

/** Every line becomes a profile or at least one fault; a terminal named twice is a fault. */
export function parseTerminals(csv: string): ParsedTerminals {
  const profiles: Array<TerminalProfile> = []
  const faults: Array<TerminalFault> = []
  const seen = new Map<string, number>()
  let order: ReadonlyArray<string> | undefined
  csv.replace(/^\uFEFF/, "").split(/\r?\n/).forEach((text, index) => {
    const line = index + 1
    if (text.trim() === "" || text.startsWith("#")) return
    const cells = splitLine(text)
    if (order === undefined) {
      order = cells
      faults.push(...headerFaults(cells, line))
      return
    }
    const row = new Row(order, cells, line)
    const profile = row.profile()
    if (row.faults.length > 0) {
      faults.push(...row.faults)
      return
    }
    const earlier = seen.get(profile.terminal)
    if (earlier === undefined) {
      seen.set(profile.terminal, line)
      profiles.push(profile)
    } else {
      faults.push({ line, column: "terminal", problem: `the same as on line ${earlier}` })
    }
  })
  if (order === undefined) {
    faults.push({ line: 1, column: "", problem: "no line names the columns" })
  }
  return { profiles, faults }
}

function headerFaults(cells: ReadonlyArray<string>, line: number): Array<TerminalFault> {
  const faults: Array<TerminalFault> = []
  for (const cell of cells) {
    if (!(columns as ReadonlyArray<string>).includes(cell)) {
      faults.push({ line, column: cell, problem: "no such column" })
    }
  }
  for (const column of mandatory) {
    if (!cells.includes(column)) faults.push({ line, column, problem: "the column is missing" })
  }
  return faults
}

/** Cells of one line, trimmed; an unclosed quote takes the rest of the line. */
function splitLine(text: string): Array<string> {
  const cells: Array<string> = []
  let at = 0
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"?\s*(?:,|$)/.exec(text.slice(at))
    const plain = quoted ?? /^([^,]*)(?:,|$)/.exec(text.slice(at))!
    const value = plain[1]!.replace(/""/g, "\"")
    cells.push(quoted === null ? value.trim() : value)
    at += plain[0].length
    if (at >= text.length && !plain[0].endsWith(",")) return cells
    if (at >= text.length) return [...cells, ""]
  }
}

/** One line on its way to a profile; faults are collected, so that all of them are told. */
class Row {
  readonly faults: Array<TerminalFault> = []
  readonly #order: ReadonlyArray<string>
  readonly #cells: ReadonlyArray<string>
  readonly #line: number

  constructor(order: ReadonlyArray<string>, cells: ReadonlyArray<string>, line: number) {
    this.#order = order
    this.#cells = cells
    this.#line = line
    if (cells.length > order.length) {
      this.#fault("", `${cells.length} values for ${order.length} columns`)
    }
  }

  profile(): TerminalProfile {
    const masterKey = this.#text("master_key")
    const counter = this.#text("counter")
    const concentrator = this.#text("concentrator")
    const certificate = this.#text("certificate")
    return {
      terminal: this.#id("terminal", terminalIdLength) as TerminalId,
      merchant: this.#id("merchant", merchantIdLength) as MerchantId,
      merchantName: this.#text("name"),
      group: this.#required("group"),
      identity: this.#identity(),
      category: this.#category(),
      macRequired: this.#flag("mac"),
      window: this.#window(),
      kinds: this.#kinds(),
      channels: this.#channels(),
      currencies: this.#currencies(),
      partialApproval: this.#flag("partial"),
      reverseUnconfirmed: this.#flag("reverse"),
      blocked: this.#flag("blocked"),
      ...(masterKey === "" ? {} : { masterKey }),
      ...(counter === "" ? {} : { counter }),
      ...(concentrator === "" ? {} : { concentrator }),
      ...(certificate === "" ? {} : { certificate })
    }
  }

  #fault(column: string, problem: string): void {
    this.faults.push({ line: this.#line, column, problem })
  }

  #text(column: Column): string {
    const index = this.#order.indexOf(column)
    return index < 0 ? "" : this.#cells[index] ?? ""
  }

  #required(column: Column): string {
    const text = this.#text(column)
    if (text === "") this.#fault(column, "is empty")
    return text
  }

  /** As it travels: padded with spaces. */
  #id(column: Column, length: number): string {
    const text = this.#text(column)
    if (!/^[\x21-\x7e]+$/.test(text) || text.length > length) {
      this.#fault(column, `not 1 to ${length} printable characters`)
    }
    return text.padEnd(length)
  }

  #identity(): IdentityRule {
    const text = this.#text("identity")
    const found = identities.find((each) => each === text)
    if (found === undefined) this.#fault("identity", `not one of ${identities.join(", ")}`)
    return found ?? "sign-on"
  }

  #category(): string {
    const text = this.#text("category") || "5999"
    if (!/^\d{4}$/.test(text)) this.#fault("category", "not a category code of 4 digits")
    return text
  }

  #window(): number {
    const text = this.#text("window") || "1"
    const window = Number(text)
    if (!/^\d+$/.test(text) || window < 1 || window > mostInFlight) {
      this.#fault("window", `not a number from 1 to ${mostInFlight}`)
    }
    return window
  }

  #flag(column: Column): boolean {
    const text = this.#text(column)
    if (text !== "" && text !== "yes" && text !== "no") this.#fault(column, "not yes or no")
    return text === "yes"
  }

  #kinds(): ReadonlySet<Kind> {
    const found = new Set<Kind>()
    for (const word of words(this.#text("kinds") || "purchase")) {
      const set = Object.hasOwn(kindSets, word) ? kindSets[word] : undefined
      const kind = kinds.find((each) => each === word)
      if (set !== undefined) { for (const each of set) found.add(each) }
      else if (kind === undefined) this.#fault("kinds", `no such kind: ${word}`)
      else found.add(kind)
    }
    return found
  }

  #channels(): ReadonlySet<Channel> {
    const text = this.#text("channels")
    if (text === "") return new Set(channels)
    const found = new Set<Channel>(["none"])
    for (const word of words(text)) {
      const channel = channels.find((each) => each === word)
      if (channel === undefined) this.#fault("channels", `no such channel: ${word}`)
      else found.add(channel)
    }
    return found
  }

  #currencies(): ReadonlySet<string> {
    const found = new Set(words(this.#text("currencies") || "156"))
    for (const word of found) {
      if (!/^\d{3}$/.test(word)) this.#fault("currencies", `not a code of 3 digits: ${word}`)
    }
    return found
  }
}

function words(text: string): Array<string> {
  return text.split(/\s+/).filter((word) => word !== "")
}
