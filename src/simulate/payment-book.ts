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

export class PaymentBook {
  readonly entries = new Map<string, PaymentEntry>()
  readonly #sink: (line: object) => void

  constructor(sink: (line: object) => void = () => {}) {
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

  /** Says what is wrong about it, if anything is. */
  tell(terminal: string, payment: unknown, amount: unknown): string | undefined {
    const entry = typeof payment === "string" ? this.entries.get(payment) : undefined
    this.#sink({ event: "told", terminal, payment })
    if (entry === undefined) return `is told of ${String(payment)}, which nobody paid`
    entry.told++
    if (entry.terminal !== terminal) return `is told of ${payment} at ${entry.terminal} (I4)`
    return entry.amount === amount ? undefined : `is told ${amount} of ${payment}: ${entry.amount}`
  }
}
