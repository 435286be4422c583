/**
 * Books that terminals and upstreams keep for themselves, apart from anything the switch says: one
 * JSON line an event, so that a book survives its keeper. What must hold: no card number in it;
 * reading the lines in order gives the entries.
 */

import type { Kind } from "../domain/kind.ts"
import type { PaymentLine } from "./payment-book.ts"

/** How a terminal saw its own request end. `none`: no answer that it could believe. */
export type TerminalOutcome = "approved" | "declined" | "refused" | "none" | "open"

export interface TerminalEntry {
  readonly terminal: string
  readonly merchant: string
  readonly batch?: string
  readonly stan: string
  readonly kind: Kind
  readonly amount?: number
  readonly currency?: string
  /** STAN of the original, for follow-ons. */
  readonly original?: string
  /** The last four digits of the card. */
  readonly card?: string
  /** What its customer typed; absent: nothing. */
  readonly pin?: PinVerdict
  readonly startedMs: number
  outcome: TerminalOutcome
  response?: string
  rrn?: string
  /** The amount that the answer named, where it named one. */
  heardAmount?: number
  /** The terminal's own reversal of it. */
  reversal: "none" | "sent" | "acknowledged"
}

/** A PIN as its issuer judges it; none: the message has no block. */
export type PinVerdict = "right" | "wrong" | "none"

/** A batch close that was answered with both sides' totals. */
export interface CloseEntry {
  readonly terminal: string
  /** Absent where the dialect has no batches. */
  readonly batch?: string
  readonly balanced: boolean
}

export interface UpstreamEntry {
  readonly upstream: string
  /** The switch's STAN, or its order number at a wallet. */
  readonly reference: string
  readonly rrn?: string
  readonly terminal: string
  readonly merchant: string
  readonly kind: Kind
  readonly amount?: number
  readonly currency?: string
  /** The reference under which a follow-on names its original. */
  readonly original?: string
  /** The last four digits of the card. */
  readonly card?: string
  /** What it found in the PIN block; absent: it looks at none. */
  readonly pin?: PinVerdict
  /** What it approved, where that is not what was asked for. */
  readonly approvedAmount?: number
  /** Its dialect marks repeats, so that only the first reversal may come without the mark. */
  readonly marksRepeats?: boolean
  readonly executedMs: number
  readonly decision: "approved" | "declined"
  /** How often it was executed as new; more than once is what must never happen. */
  times: number
  reversed: boolean
  /** Reversals that came for it, repeats included, and those that said that they are repeats. */
  reversals: number
  repeats: number
}

/**
 * Answers by which the simulated issuers decline; every other refusal is the switch's own word. In
 * the words of ISO 8583:1987, which China UnionPay shares.
 */
export const issuerDeclines: ReadonlySet<string> = new Set(["05", "51", "54", "55", "61"])

/** As much of a card number as a book may hold. */
export function lastFour(pan: string | undefined): { readonly card?: string } {
  return pan === undefined ? {} : { card: pan.slice(-4) }
}

export type BookLine =
  | { readonly event: "asked"; readonly entry: TerminalEntry }
  | {
    readonly event: "heard"
    readonly terminal: string
    readonly stan: string
    readonly batch?: string
    readonly outcome: TerminalOutcome
    readonly response?: string
    readonly rrn?: string
    readonly heardAmount?: number
  }
  | {
    readonly event: "reversal"
    readonly terminal: string
    readonly stan: string
    readonly batch?: string
    readonly state: "sent" | "acknowledged"
  }
  | { readonly event: "closed"; readonly entry: CloseEntry }
  | { readonly event: "executed"; readonly entry: UpstreamEntry }
  | { readonly event: "again"; readonly upstream: string; readonly reference: string }
  | {
    readonly event: "reversed"
    readonly upstream: string
    readonly reference: string
    readonly repeat: boolean
  }

/** What an answer said, as far as the book keeps it. */
export type HeardAnswer = Pick<TerminalEntry, "response" | "rrn" | "heardAmount">

/** Where lines go: a file, or the world's memory. */
type BookSink = (line: BookLine) => void

export class TerminalBook {
  readonly entries = new Map<string, TerminalEntry>()
  readonly closes: Array<CloseEntry> = []
  readonly #sink: BookSink

  constructor(sink: BookSink = () => {}) {
    this.#sink = sink
  }

  ask(entry: TerminalEntry): TerminalEntry {
    this.entries.set(entryKey(entry), entry)
    this.#sink({ event: "asked", entry: { ...entry } })
    return entry
  }

  /** The first outcome stands; only `none` may still become something. */
  hear(entry: TerminalEntry, outcome: TerminalOutcome, answer: HeardAnswer = {}): void {
    const { heardAmount, response, rrn } = answer
    entry.outcome = outcome
    if (response !== undefined) entry.response = response
    if (rrn !== undefined) entry.rrn = rrn
    if (heardAmount !== undefined) entry.heardAmount = heardAmount
    this.#sink({
      event: "heard",
      terminal: entry.terminal,
      stan: entry.stan,
      outcome,
      ...(entry.batch === undefined ? {} : { batch: entry.batch }),
      ...(response === undefined ? {} : { response }),
      ...(rrn === undefined ? {} : { rrn }),
      ...(heardAmount === undefined ? {} : { heardAmount })
    })
  }

  close(entry: CloseEntry): void {
    this.closes.push(entry)
    this.#sink({ event: "closed", entry })
  }

  reverse(entry: TerminalEntry, state: "sent" | "acknowledged"): void {
    entry.reversal = state
    this.#sink({
      event: "reversal",
      terminal: entry.terminal,
      stan: entry.stan,
      state,
      ...(entry.batch === undefined ? {} : { batch: entry.batch })
    })
  }
}

export class UpstreamBook {
  readonly entries = new Map<string, UpstreamEntry>()
  /** Reversals that came before, or without, what they reverse. */
  readonly early = new Set<string>()
  readonly #sink: BookSink

  constructor(sink: BookSink = () => {}) {
    this.#sink = sink
  }

  /** Books an execution; a reference that is booked already is counted, not replaced. */
  execute(entry: UpstreamEntry): UpstreamEntry {
    const known = this.entries.get(upstreamKey(entry))
    if (known !== undefined) {
      known.times++
      this.#sink({ event: "again", upstream: entry.upstream, reference: entry.reference })
      return known
    }
    this.entries.set(upstreamKey(entry), entry)
    this.#sink({ event: "executed", entry: { ...entry } })
    return entry
  }

  /** Books a reversal; false when there is nothing under this reference. */
  reverse(upstream: string, reference: string, repeat: boolean): boolean {
    const entry = this.entries.get(upstreamKey({ upstream, reference }))
    this.#sink({ event: "reversed", upstream, reference, repeat })
    if (entry === undefined) {
      this.early.add(upstreamKey({ upstream, reference }))
      return false
    }
    entry.reversed = true
    entry.reversals++
    if (repeat) entry.repeats++
    return true
  }
}

export function entryKey(
  entry: { readonly terminal: string; readonly batch?: string; readonly stan: string }
): string {
  return `${entry.terminal.trim()}|${entry.batch ?? ""}|${entry.stan}`
}

export function upstreamKey(
  entry: { readonly upstream: string; readonly reference: string }
): string {
  return `${entry.upstream}|${entry.reference}`
}

/** What a book holds; the lines of payments as they are, because other books speak of them. */
interface ReadBooks {
  readonly terminals: TerminalBook
  readonly upstreams: UpstreamBook
  readonly payments: ReadonlyArray<PaymentLine>
}

/** The entries of a book that was kept as lines; throws with the line number on bad JSON. */
export function readBooks(lines: Iterable<string>): ReadBooks {
  const terminals = new TerminalBook()
  const upstreams = new UpstreamBook()
  const payments: Array<PaymentLine> = []
  let number = 0
  for (const text of lines) {
    number++
    if (text === "") continue
    let line: BookLine | PaymentLine
    try {
      // Books are written by their classes alone; the torn last line of a killed keeper fails here.
      line = JSON.parse(text) as BookLine | PaymentLine
    } catch {
      throw new SyntaxError(`line ${number} of the book is not whole`)
    }
    replay(line, terminals, upstreams, payments)
  }
  return { terminals, upstreams, payments }
}

function replay(
  line: BookLine | PaymentLine,
  terminals: TerminalBook,
  upstreams: UpstreamBook,
  payments: Array<PaymentLine>
): void {
  switch (line.event) {
    case "asked":
      terminals.ask(line.entry)
      break
    case "heard": {
      const entry = terminals.entries.get(entryKey(line))
      if (entry !== undefined) terminals.hear(entry, line.outcome, line)
      break
    }
    case "reversal": {
      const entry = terminals.entries.get(entryKey(line))
      if (entry !== undefined) terminals.reverse(entry, line.state)
      break
    }
    case "closed":
      terminals.close(line.entry)
      break
    case "executed":
      upstreams.execute(line.entry)
      break
    case "again": {
      const entry = upstreams.entries.get(upstreamKey(line))
      if (entry !== undefined) entry.times++
      break
    }
    case "reversed":
      upstreams.reverse(line.upstream, line.reference, line.repeat)
      break
    default:
      payments.push(line)
  }
}
