/**
 * A card number that cannot be printed by accident: every way of turning it into text gives its
 * mask (first six, last four). The digits leave through `reveal` alone, which is easy to search
 * for.
 */

const inspect = Symbol.for("nodejs.util.inspect.custom")

export class Pan {
  readonly #digits: string

  private constructor(digits: string) {
    this.#digits = digits
  }

  /** 12 to 19 digits, or undefined. The Luhn digit is not judged: test cards break it. */
  static parse(text: string): Pan | undefined {
    return /^\d{12,19}$/.test(text) ? new Pan(text) : undefined
  }

  /** The clear digits, for routing, for a message that must carry them, and for sealing. */
  reveal(): string {
    return this.#digits
  }

  get length(): number {
    return this.#digits.length
  }

  get mask(): string {
    return maskPan(this.#digits)
  }

  toString(): string {
    return this.mask
  }

  toJSON(): string {
    return this.mask
  }

  [inspect](): string {
    return this.mask
  }
}

/** First six and last four digits; shorter numbers show only their last four. */
export function maskPan(digits: string): string {
  const shown = digits.length >= 13 ? 6 : 0
  return digits.slice(0, shown) + "*".repeat(Math.max(0, digits.length - shown - 4)) +
    digits.slice(-4)
}

/** Replaces every run of 13 to 19 digits in free text that may be a card's by its mask (M9). */
export function maskText(text: string): string {
  return text.replace(/\d{13,19}/g, (run) => mayBeCard(run) ? maskPan(run) : run)
}

/** Masks what is longer than any card number: one may stand in it, wherever it begins. */
export function maskLongRuns(text: string): string {
  return text.replace(/\d{20,}/g, maskPan)
}

/** Luhn-valid; neither a short number behind zeros, nor a time in milliseconds (13 digits, a 1). */
function mayBeCard(run: string): boolean {
  if (run.length === 13 && run.startsWith("1")) return false
  return /[1-9]\d{11,}/.test(run) && luhn(run)
}

function luhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
