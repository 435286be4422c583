/**
 * Decimal places of currencies, and amounts as people and wallets write them. ISO 4217 numeric
 * codes; whatever is not listed has two places.
 */

const exponents = new Map<string, number>([
  // No minor unit.
  ...[
    "108",
    "152",
    "174",
    "262",
    "324",
    "352",
    "392",
    "410",
    "548",
    "600",
    "646",
    "704",
    "800",
    "950",
    "952",
    "953"
  ].map((code) => [code, 0] as const),
  // Thousandths.
  ...["048", "368", "400", "414", "434", "512", "788"].map((code) => [code, 3] as const)
])

export function currencyExponent(currency: string): number {
  return exponents.get(currency) ?? 2
}

/**
 * `"98.7"` in CNY is 9870. At most one dot, no sign, no comma, no space; `"98."` is legal in EMVCo
 * codes. Undefined: not an amount, more places than the currency has, or not a safe integer.
 */
export function parseAmount(text: string, exponent: number): number | undefined {
  if (!/^[0-9]+(\.[0-9]*)?$/.test(text)) return undefined
  const [whole = "", places = ""] = text.split(".")
  const kept = places.slice(0, exponent)
  if (/[1-9]/.test(places.slice(exponent))) return undefined
  const minor = Number(whole + kept.padEnd(exponent, "0"))
  return Number.isSafeInteger(minor) ? minor : undefined
}

/** 9870 in CNY is `"98.70"`: all places, always a dot where there are any. */
export function formatAmount(minor: number, exponent: number): string {
  const digits = String(minor).padStart(exponent + 1, "0")
  if (exponent === 0) return digits
  return `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`
}
