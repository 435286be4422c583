/**
 * The book of payments that customers made by scanning a shop's code: what the wallet took, which
 * notices the switch accepted, and what the counter was told. What must hold: kept by wallets and
 * counters alone, never by the switch; a payment has one entry, whoever writes in it.
 */

export interface PaymentEntry {
  readonly wallet: string
  /** The wallet's own number of it. */
  readonly payment: string
  /** The counter whose code was scanned. */
  readonly terminal: string
  /** The order of the screen code; absent: the code was printed. */
  readonly order?: string
  readonly amount: number
  readonly paidMs: number
  /** The switch acknowledged a notice of it. */
  accepted: boolean
  /** How often its counter was told of it. */
  told: number
}

export type PaymentLine =
  | { readonly event: "paid"; readonly entry: PaymentEntry }
  | { readonly event: "accepted"; readonly payment: string }
  /** From now on this counter writes down what it is told. */
  | { readonly event: "listens"; readonly terminal: string }
  | {
    readonly event: "told"
    readonly terminal: string
    readonly payment: unknown
    readonly amount: unknown
  }

export class PaymentBook {
  readonly entries = new Map<string, PaymentEntry>()
  /** Counters that write down what they are told. */
  readonly listening = new Set<string>()
  readonly #sink: (line: PaymentLine) => void

  constructor(sink: (line: PaymentLine) => void = () => {}) {
    this.#sink = sink
  }

  pay(entry: PaymentEntry): void {
    this.entries.set(entry.payment, entry)
    this.#sink({ event: "paid", entry: { ...entry } })
  }

  accept(payment: string): void {
    const entry = this.entries.get(payment)
    if (entry !== undefined) entry.accepted = true
    this.#sink({ event: "accepted", payment })
  }

  listen(terminal: string): void {
    this.listening.add(terminal)
    this.#sink({ event: "listens", terminal })
  }

  /** Says what is wrong about it, if anything is. */
  tell(terminal: string, payment: unknown, amount: unknown): string | undefined {
    const entry = typeof payment === "string" ? this.entries.get(payment) : undefined
    this.#sink({ event: "told", terminal, payment, amount })
    if (entry === undefined) return `is told of ${String(payment)}, which nobody paid`
    entry.told++
    if (entry.terminal !== terminal) return `is told of ${payment} at ${entry.terminal} (I4)`
    return entry.amount === amount ? undefined : `is told ${amount} of ${payment}: ${entry.amount}`
  }
}

/**
 * One book from the lines of several keepers, in whatever order they come, and what counters were
 * told wrongly.
 */
export function readPayments(
  lines: ReadonlyArray<PaymentLine>
): { readonly book: PaymentBook; readonly wrong: ReadonlyArray<string> } {
  const book = new PaymentBook()
  const wrong: Array<string> = []
  // What wallets wrote comes first: a counter's lines speak of it.
  for (const line of lines) if (line.event === "paid") book.pay({ ...line.entry })
  for (const line of lines) {
    if (line.event === "accepted") book.accept(line.payment)
    if (line.event === "listens") book.listen(line.terminal)
    if (line.event !== "told") continue
    const fault = book.tell(line.terminal, line.payment, line.amount)
    if (fault !== undefined) wrong.push(`counter ${line.terminal} ${fault}`)
  }
  return { book, wrong }
}
